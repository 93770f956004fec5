import json
from pathlib import Path

import msgspec
import numpy as np

from vaebench.data.dataset import load
from vaebench.errors import reported
from vaebench.evaluation import evaluation
from vaebench.files import replacing, write
from vaebench.study.config import Cell, Evaluation
from vaebench.training import hardware, runs

with reported(snakemake.log[0]):
    hardware.prepare(snakemake.threads)
    cell = msgspec.convert(snakemake.params.cell, Cell)
    folders = runs.listed(Path(snakemake.input.runs))
    settings = msgspec.convert(snakemake.params.settings, Evaluation)
    device = hardware.device(snakemake.params.device)
    metrics, gallery, facts = evaluation.evaluate(cell, folders, load(snakemake.input.data), settings, device)
    for path, table in (
        (snakemake.output.metrics, metrics),
        (snakemake.output.history, evaluation.history(cell, folders)),
        (snakemake.output.compute, evaluation.compute(cell, folders)),
    ):
        write(path, table.to_csv(index=False))
    with replacing(Path(snakemake.output.gallery)) as part:
        np.savez_compressed(part, **gallery)
    write(snakemake.output.facts, json.dumps(facts, indent=1))
