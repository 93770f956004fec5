from vaebench.errors import reported
from vaebench.files import write
from vaebench.report import provenance

with reported(snakemake.log[0]):
    document = provenance.collect(snakemake.params.study, snakemake.input.runs, snakemake.input.conditions)
    write(snakemake.output[0], document)
