from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.files import job, write
    from vaebench.report import published
    from vaebench.report.summary import gather

    with job(snakemake.input, snakemake.output):
        table = published.compare(gather(snakemake.input), snakemake.params.claims)
        write(snakemake.output.csv, table.to_csv(index=False))
        write(snakemake.output.markdown, published.markdown(table))
