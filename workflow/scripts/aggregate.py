from vaebench.errors import reported
from vaebench.files import write
from vaebench.report import tables

with reported(snakemake.log[0]):
    write(snakemake.output[0], tables.gather(snakemake.input).to_csv(index=False))
