from pathlib import Path

import msgspec
import numpy as np

from vaebench.data.dataset import load
from vaebench.errors import reported
from vaebench.evaluation.survey import survey
from vaebench.files import replacing, write
from vaebench.study.config import Cell, Geometry
from vaebench.training import hardware, runs

with reported(snakemake.log[0]):
    hardware.prepare(snakemake.threads)
    cell = msgspec.convert(snakemake.params.cell, Cell)
    folders = runs.listed(Path(snakemake.input.runs))
    settings = msgspec.convert(snakemake.params.settings, Geometry)
    device = hardware.device(snakemake.params.device)
    metrics, distances, pictures = survey(cell, folders, load(snakemake.input.data), settings, device)
    write(snakemake.output.metrics, metrics.to_csv(index=False))
    write(snakemake.output.distances, distances.to_csv(index=False))
    with replacing(Path(snakemake.output.pictures)) as part:
        np.savez_compressed(part, **pictures)
