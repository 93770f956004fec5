from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.files import job, write
    from vaebench.report.summary import complete, join

    with job(snakemake.input, snakemake.output):
        inputs = snakemake.input
        write(snakemake.output[0], join(complete(inputs.tables, inputs.conditions, snakemake.wildcards.table)))
