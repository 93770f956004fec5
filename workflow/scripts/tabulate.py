from vaebench.errors import reported

with reported(snakemake.log[0]):
    from pathlib import Path

    from vaebench.files import job, write
    from vaebench.report.results import Results
    from vaebench.report.tables.forms import pages

    with job(snakemake.input, snakemake.output):
        folder = Path(snakemake.output[0]).parent
        for name, text in pages(Results(folder.parent), snakemake.params.families, snakemake.params.tables):
            write(folder / name, text)
