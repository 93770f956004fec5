from vaebench.errors import reported
from vaebench.files import write
from vaebench.report.summary import join

with reported(snakemake.log[0]):
    write(snakemake.output[0], join(snakemake.input))
