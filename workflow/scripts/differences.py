import json
from pathlib import Path

from vaebench.errors import reported
from vaebench.files import job, write
from vaebench.report.differences import compare
from vaebench.report.summary import gather

with reported(snakemake.log[0]), job(snakemake.input, snakemake.output):
    conditions = [json.loads(Path(path).read_text()) for path in snakemake.input.conditions]
    table = compare(gather([snakemake.input.metrics]), snakemake.input.per_image, conditions, snakemake.params.families)
    write(snakemake.output[0], table.to_csv(index=False))
