from vaebench.errors import reported

with reported(snakemake.log[0]):
    import json
    from pathlib import Path

    from vaebench.data.dataset import load
    from vaebench.files import job
    from vaebench.report.figures import style
    from vaebench.report.figures.sheet import sheet

    with job(snakemake.input, snakemake.output):
        data, card = load(snakemake.input.data), json.loads(Path(snakemake.input.card).read_text())
        style.save(sheet(data, card), snakemake.output)
