from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.data.dataset import load
    from vaebench.files import job, read_json
    from vaebench.report.figures import style
    from vaebench.report.figures.sheet import sheet

    with job(snakemake.input, snakemake.output):
        data, card = load(snakemake.input.data), read_json(snakemake.input.card)
        style.save(sheet(data, card), snakemake.output)
