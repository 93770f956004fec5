import json
from pathlib import Path

from vaebench.errors import reported
from vaebench.files import write
from vaebench.report import tables

with reported(snakemake.log[0]):
    summary = tables.summarise(tables.gather([snakemake.input.rows]))
    table = tables.wide(summary, tables.members(snakemake.wildcards.table))
    facts = [json.loads(Path(path).read_text()) for path in snakemake.input.facts]
    note = tables.conditions(facts, snakemake.params.seeds, snakemake.params.geometry)
    for form in ("markdown", "latex", "html"):
        write(snakemake.output[form], getattr(tables, form)(table, note))
