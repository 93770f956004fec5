from vaebench.errors import reported
from vaebench.files import job
from vaebench.report.figures import style
from vaebench.report.figures.draw import draw

with reported(snakemake.log[0]), job(snakemake.input, snakemake.output):
    inputs = {what: [files] if isinstance(files, str) else list(files) for what, files in snakemake.input.items()}
    figure = draw(snakemake.wildcards.figure, inputs, snakemake.params.families, snakemake.params.flavours)
    style.save(figure, snakemake.output)
