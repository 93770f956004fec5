from vaebench.errors import reported
from vaebench.files import write
from vaebench.report import published, tables

with reported(snakemake.log[0]):
    table = published.compare(tables.summarise(tables.gather(snakemake.input)), snakemake.params.claims)
    write(snakemake.output.csv, table.to_csv(index=False))
    write(snakemake.output.markdown, published.markdown(table))
