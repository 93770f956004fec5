from vaebench.errors import reported
from vaebench.files import write
from vaebench.report.concordance import agree_files

with reported(snakemake.log[0]):
    write(snakemake.output[0], agree_files(snakemake.input).to_csv(index=False))
