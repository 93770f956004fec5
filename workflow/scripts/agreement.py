from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.files import job, write
    from vaebench.report.concordance import agree_files

    with job(snakemake.input, snakemake.output):
        write(snakemake.output[0], agree_files(snakemake.input).to_csv(index=False))
