from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.files import job, write
    from vaebench.report.statistic import make
    from vaebench.report.summary import gather
    from vaebench.report.tables.html import of_markdown
    from vaebench.study.naming import metric_name

    with job(snakemake.input, snakemake.output):
        inputs = {what: [files] if isinstance(files, str) else files for what, files in snakemake.input.items()}
        tables = {what: gather(files) for what, files in inputs.items()}
        table, page = make(snakemake.wildcards.statistic, tables, snakemake.params.cells)
        write(snakemake.output.csv, table.to_csv(index=False))
        write(snakemake.output.markdown, page)
        write(snakemake.output.html, of_markdown(metric_name(snakemake.wildcards.statistic), page))
