from vaebench import catalogue, tables
from vaebench.errors import reported
from vaebench.figures import style

with reported(snakemake.log[0]):
    draw = catalogue.load("figures/agreement", snakemake.wildcards.figure)
    distances = tables.gather(snakemake.input)
    for column in tables.BLOCK:
        distances = distances[distances[column].astype(str) == snakemake.wildcards[column]]
    style.save(draw(distances, style.palette(snakemake.params.flavours)), snakemake.output)
