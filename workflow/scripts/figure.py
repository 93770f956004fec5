from vaebench import catalogue, tables
from vaebench.errors import reported
from vaebench.figures import style

with reported(snakemake.log[0]):
    draw = catalogue.load("figures/summary", snakemake.wildcards.figure)
    metrics, history = (tables.gather([path]) for path in snakemake.input)
    style.save(draw(metrics, history, style.palette(snakemake.params.flavours)), snakemake.output)
