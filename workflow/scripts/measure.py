import json
from pathlib import Path

import msgspec

from vaebench.data.dataset import load
from vaebench.errors import reported
from vaebench.evaluation.measure import measure
from vaebench.files import savez, write
from vaebench.study.config import Cell, Evaluation, Geometry
from vaebench.training import hardware, runs

with reported(snakemake.log[0]):
    hardware.prepare(snakemake.threads)
    found = measure(
        msgspec.convert(snakemake.params.cell, Cell),
        runs.listed(Path(snakemake.input.runs)),
        load(snakemake.input.data),
        msgspec.convert(snakemake.params.evaluation["evaluation"], Evaluation),
        msgspec.convert(snakemake.params.geometry["geometry"], Geometry | None),
        hardware.device(snakemake.params.device["device"]),
        kept=Path(snakemake.params.kept, "kept"),
    )
    for name in ("metrics", "history", "compute", "distances"):
        if name in snakemake.output.keys():
            write(snakemake.output[name], getattr(found, name).to_csv(index=False))
    for name in ("gallery", "geometry"):
        if name in snakemake.output.keys():
            savez(snakemake.output[name], getattr(found, name))
    write(snakemake.output.conditions, json.dumps(found.conditions, indent=1))
    print(found.summary())
