from pathlib import Path

import numpy as np

from vaebench import catalogue
from vaebench.errors import reported
from vaebench.figures import style

with reported(snakemake.log[0]):
    draw = catalogue.load(snakemake.params.kind, snakemake.wildcards.gallery)
    galleries = {Path(path).parts[-3]: dict(np.load(path, allow_pickle=False)) for path in snakemake.input}
    style.save(draw(galleries, style.palette(snakemake.params.flavours)), snakemake.output)
