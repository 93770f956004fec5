"""A real study in seconds: flavours trained on a few digits, measured, and laid out as the workflow does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from vaebench import interface
from vaebench.data.card import card
from vaebench.evaluation.measure import measure
from vaebench.files import savez
from vaebench.report.differences import compare
from vaebench.report.summary import gather, summarise
from vaebench.study import config, tidy
from vaebench.training import runs

STUDY: dict[str, Any] = {
    "datasets": {"digits": {"limits": {"train": 200, "validation": 50, "test": 60}}},
    "architectures": {"mlp": {"hidden": [8]}},
    "flavours": {"vae": {}, "beta_vae": {"beta": 4}, "svae": {}, "vq_vae": {"codes": 4}, "ae": {}, "mean": {}},
    "latents": [2, 3],
    "seeds": [0, 1, 2],
    "training": {"epochs": 3, "batch_size": 50, "learning_rate": 0.01},
    "evaluation": {"importance_samples": 5, "importance_images": 20, "gallery_images": 4},
}


def results(folder: Path) -> Path:
    """The folder, with tables, galleries, a card and what the study is."""
    study, device = config.check(STUDY), torch.device("cpu")
    data = interface.dataset("digits", limits=STUDY["datasets"]["digits"]["limits"])
    tables: dict[str, list[dict[str, Any]]] = {"metrics": [], "compute": []}
    pairs: list[tuple[Path, dict[str, Any]]] = []
    for cell in study.cells():
        folders = runs.train(cell, study.seeds, data, folder / "runs" / cell.path, device=device)
        found = measure(cell, folders, data, study.evaluation_of(cell), None, device)
        place = folder / "evaluations" / cell.path
        for name in ("gallery", "per_image"):
            savez(place / f"{name}.npz", getattr(found, name))
        pairs.append((place / "per_image.npz", found.conditions))
        for name, rows in tables.items():
            rows += getattr(found, name)
    (folder / "tables").mkdir()
    for name, rows in tables.items():
        (folder / f"tables/{name}.csv").write_text(tidy.text(rows, tidy.METRICS))
    metrics = gather([folder / "tables/metrics.csv"])
    summarise(metrics).to_csv(folder / "tables/summary.csv", index=False)
    differences = compare(metrics, *map(list, zip(*pairs, strict=True)), study.families())
    differences.to_csv(folder / "tables/differences.csv", index=False)
    (folder / "data").mkdir()
    (folder / "data/digits.json").write_text(json.dumps(card(data)))
    (folder / "provenance.json").write_text(json.dumps({"study": STUDY}))
    return folder
