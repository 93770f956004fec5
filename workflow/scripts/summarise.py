from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.files import job, write
    from vaebench.report.summary import gather, summarise

    with job(snakemake.input, snakemake.output):
        write(snakemake.output[0], summarise(gather(snakemake.input)).to_csv(index=False))
