from pathlib import Path

import msgspec

from vaebench.data.prepare import prepare
from vaebench.errors import reported
from vaebench.study.config import Dataset

with reported(snakemake.log[0]):
    raw = Path(snakemake.input[0]).parent if snakemake.params.downloaded else None
    dataset = msgspec.convert(snakemake.params.dataset, Dataset)
    prepare(snakemake.wildcards.dataset, dataset, raw, Path(snakemake.output[0]))
