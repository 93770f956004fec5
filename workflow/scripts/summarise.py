from vaebench.errors import reported
from vaebench.files import job, write
from vaebench.report.summary import gather, summarise

with reported(snakemake.log[0]), job(snakemake.input, snakemake.output):
    write(snakemake.output[0], summarise(gather(snakemake.input)).to_csv(index=False))
