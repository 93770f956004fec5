from pathlib import Path

import numpy as np

from vaebench.errors import reported
from vaebench.report.figures import style
from vaebench.study import catalogue

with reported(snakemake.log[0]):
    draw = catalogue.load(snakemake.params.kind, snakemake.wildcards.gallery)
    galleries = {Path(path).parts[-3]: dict(np.load(path, allow_pickle=False)) for path in snakemake.input}
    style.save(draw(galleries, style.palette(snakemake.params.flavours)), snakemake.output)
