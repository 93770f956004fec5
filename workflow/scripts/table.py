import json
from pathlib import Path

from vaebench import tables
from vaebench.errors import reported
from vaebench.files import write

with reported(snakemake.log[0]):
    summary = tables.summarise(tables.gather([snakemake.input.rows]))
    table = tables.wide(summary, tables.members(snakemake.wildcards.table))
    note = tables.conditions(
        [json.loads(Path(path).read_text()) for path in snakemake.input.facts], snakemake.params.seeds
    )
    for form in ("markdown", "latex", "html"):
        write(snakemake.output[form], getattr(tables, form)(table, note))
