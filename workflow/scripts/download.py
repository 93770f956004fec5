from pathlib import Path

from vaebench.data.download import download
from vaebench.errors import reported

with reported(snakemake.log[0]):
    download(snakemake.wildcards.dataset, Path(snakemake.params.folder), snakemake.params.mirror)
