from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.files import job, write
    from vaebench.report import published
    from vaebench.report.summary import gather

    with job(snakemake.input, snakemake.output):
        texts = published.forms(gather(snakemake.input), snakemake.params.claims)
        for path in snakemake.output:
            write(path, texts[path.rpartition(".")[2]])
