from vaebench.errors import reported
from vaebench.files import write
from vaebench.report.summary import gather, summarise

with reported(snakemake.log[0]):
    write(snakemake.output[0], summarise(gather(snakemake.input)).to_csv(index=False))
