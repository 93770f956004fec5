from vaebench.errors import reported
from vaebench.files import job, write
from vaebench.report.concordance import agree_files

with reported(snakemake.log[0]), job(snakemake.input, snakemake.output):
    write(snakemake.output[0], agree_files(snakemake.input).to_csv(index=False))
