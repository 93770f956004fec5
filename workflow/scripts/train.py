import json
from pathlib import Path

import msgspec

from vaebench.data.dataset import load
from vaebench.errors import reported
from vaebench.files import write
from vaebench.study.config import Cell
from vaebench.training import hardware, runs

with reported(snakemake.log[0]):
    hardware.prepare(snakemake.threads)
    folders = runs.train(
        msgspec.convert(snakemake.params.cell, Cell),
        snakemake.params.seeds,
        load(snakemake.input[0]),
        Path(snakemake.params.store),
        device=hardware.device(snakemake.params.device),
        width=snakemake.params.pack,
        replace=True,
    )
    for folder in folders:
        record = runs.describe(folder)
        print(f"{folder}: {record['status']} after {record['epochs']} epochs, best at {record['best_epoch']}")
    write(snakemake.output[0], json.dumps({folder.name: runs.describe(folder)["key"] for folder in folders}, indent=1))
