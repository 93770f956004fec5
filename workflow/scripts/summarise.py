from vaebench import tables
from vaebench.errors import reported
from vaebench.files import write

with reported(snakemake.log[0]):
    write(snakemake.output[0], tables.summarise(tables.gather(snakemake.input)).to_csv(index=False))
