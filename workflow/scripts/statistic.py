from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.files import job, write
    from vaebench.report.statistic import forms
    from vaebench.report.summary import gather

    with job(snakemake.input, snakemake.output):
        inputs = {what: [files] if isinstance(files, str) else files for what, files in snakemake.input.items()}
        tables = {what: gather(files) for what, files in inputs.items()}
        texts = forms(snakemake.wildcards.statistic, tables, snakemake.params.cells)
        for path in snakemake.output:
            write(path, texts[path.rpartition(".")[2]])
