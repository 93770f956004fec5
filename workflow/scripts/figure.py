from vaebench.errors import reported
from vaebench.report import tables
from vaebench.report.figures import style
from vaebench.study import catalogue

with reported(snakemake.log[0]):
    draw = catalogue.load("figures/summary", snakemake.wildcards.figure)
    metrics, history = (tables.gather([path]) for path in snakemake.input)
    style.save(draw(metrics, history, style.palette(snakemake.params.flavours)), snakemake.output)
