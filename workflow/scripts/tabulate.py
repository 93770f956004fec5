import json
from pathlib import Path

from vaebench.errors import reported
from vaebench.files import write
from vaebench.report.summary import gather, summarise
from vaebench.report.tables.forms import forms

with reported(snakemake.log[0]):
    summary = gather([snakemake.input.summary])
    others = {"compute": lambda: summarise(gather([snakemake.input.compute]))}
    others |= {"agreement": lambda: gather(snakemake.input.agreement)}
    conditions = [json.loads(Path(path).read_text()) for path in snakemake.input.conditions]
    folder = Path(snakemake.output[0]).parent
    for table in snakemake.params.tables:
        texts = forms(
            others[table]() if table in others else summary,
            table,
            snakemake.params.families,
            conditions,
            seeds=snakemake.params.seeds["seeds"],
            geometry=snakemake.params.geometry["geometry"],
        )
        for form, text in texts.items():
            write(folder / f"{table}.{form}", text)
