from pathlib import Path

import msgspec

from vaebench.data.prepare import prepare
from vaebench.data.sources import Dataset
from vaebench.errors import reported

with reported(snakemake.log[0]):
    name, dataset = snakemake.wildcards.dataset, msgspec.convert(snakemake.params.dataset, Dataset)
    raw = Path(snakemake.input[0]).parent if dataset.origin(name) == "public" else None
    prepare(name, dataset, raw, Path(snakemake.output[0]))
