from vaebench.errors import reported
from vaebench.report import tables
from vaebench.report.figures import style
from vaebench.study import catalogue

with reported(snakemake.log[0]):
    draw = catalogue.load("figures/agreement", snakemake.wildcards.figure)
    distances = tables.gather(snakemake.input)
    for column in tables.BLOCK:
        distances = distances[distances[column].astype(str) == snakemake.wildcards[column]]
    style.save(draw(distances, style.palette(snakemake.params.flavours)), snakemake.output)
