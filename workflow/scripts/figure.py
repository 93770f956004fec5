from vaebench.errors import reported

with reported(snakemake.log[0]):
    from vaebench.files import job
    from vaebench.report.figures import style
    from vaebench.report.figures.draw import draw

    with job(snakemake.input, snakemake.output):
        inputs = {what: [files] if isinstance(files, str) else list(files) for what, files in snakemake.input.items()}
        families, flavours, block = (snakemake.params[name] for name in ("families", "flavours", "block"))
        figure = draw(snakemake.wildcards.figure, inputs, families, flavours, block)
        style.save(figure, snakemake.output)
