import json
from pathlib import Path

from vaebench.data.dataset import load
from vaebench.errors import reported
from vaebench.report.figures import style
from vaebench.report.figures.sheet import sheet

with reported(snakemake.log[0]):
    data, card = load(snakemake.input.data), json.loads(Path(snakemake.input.card).read_text())
    style.save(sheet(data, card), snakemake.output)
