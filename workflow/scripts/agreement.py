from vaebench.errors import reported
from vaebench.files import write
from vaebench.report import concordance, tables

with reported(snakemake.log[0]):
    distances = tables.gather(snakemake.input)
    agreement = concordance.agree(distances)
    write(snakemake.output.csv, agreement.to_csv(index=False))
    table, note = tables.wide(agreement, tables.members("agreement")), concordance.conditions(distances)
    for form in ("markdown", "latex", "html"):
        write(snakemake.output[form], getattr(tables, form)(table, note))
