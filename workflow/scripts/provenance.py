from vaebench.errors import reported
from vaebench.files import write
from vaebench.report import provenance

with reported(snakemake.log[0]):
    inputs = snakemake.input
    document = provenance.collect(snakemake.params.study, inputs.runs, inputs.conditions, inputs.cards)
    write(snakemake.output[0], document)
