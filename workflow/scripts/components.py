from vaebench.errors import reported
from vaebench.files import job, write
from vaebench.report import components
from vaebench.report.summary import gather

with reported(snakemake.log[0]), job(snakemake.input, snakemake.output):
    table = components.decompose(gather(snakemake.input))
    write(snakemake.output.csv, table.to_csv(index=False))
    write(snakemake.output.markdown, components.markdown(table))
