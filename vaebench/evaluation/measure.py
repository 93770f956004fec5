"""The measurements of a cell's runs, as tidy tables and as pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from vaebench.data import binarisation
from vaebench.data.dataset import Data
from vaebench.evaluation.kept import Arrays, Shelf
from vaebench.evaluation.pictures import gallery
from vaebench.evaluation.subject import Subject
from vaebench.files import reading
from vaebench.model.recipe import load
from vaebench.study import catalogue
from vaebench.study.config import Cell, Evaluation, Geometry
from vaebench.study.tidy import RUN, Rows
from vaebench.training import runs

HEADLINE = (("elbo", "ELBO", " nats"), ("mse", "MSE", ""))
COSTS = ("wall_seconds", "samples_per_second", "peak_memory", "pack")


@dataclass(frozen=True)
class Measured:
    """Of one cell: tidy tables of metrics, losses by epoch, costs and distances; pictures of the first seed not lost.

    ``conditions`` are what a table must state. Without `geometry` there are no distances and no ``geometry`` pictures.
    """

    metrics: Rows
    history: Rows
    compute: Rows
    gallery: Arrays
    conditions: dict[str, Any]
    distances: Rows | None = None
    geometry: Arrays | None = None

    def summary(self) -> str:
        """How much was measured, and how well the runs did, in one line."""
        told = []
        for name, words, unit in HEADLINE:
            values = [row["value"] for row in self.metrics if row["metric"] == name and row["value"] is not None]
            if values:
                told.append(f"{words} {sum(values) / len(values):.4g}{unit}")
        missing = sum(row["value"] is None for row in self.metrics)
        return ", ".join([*told, f"{len(self.metrics)} values, {missing} of them missing"])


def subjects(geometry: Geometry | None) -> dict[str, list[str]]:
    """Names of the metrics to measure, by what they are given."""
    found: dict[str, list[str]] = {"model": [], "survey": []} if geometry else {"model": []}
    for table, names in catalogue.groups("metrics").items():
        subject = catalogue.constant("metrics", table, "SUBJECT") or "model"
        if subject in found:
            found[subject] += names
    return found


@torch.no_grad()
def measure(
    cell: Cell,
    folders: Sequence[Path],
    data: Data,
    evaluation: Evaluation,
    geometry: Geometry | None,
    device: torch.device,
    kept: Path | None = None,
) -> Measured:
    """Measure the trained runs of a cell on the test set; what was measured before is taken from the folder ``kept``.

    Values are in the metric's unit, or missing with a reason. A run that diverged before its first epoch ended has only
    missing values. Raises `VaebenchError` for a run that cannot be read.
    """
    test = data.test.images.to(device)
    seen = binarisation.fixed(test, cell.convention, "test")
    shown = next((folder for folder in folders if not runs.lost(runs.record(folder))), folders[0])
    metrics: Rows = []
    distances: Rows = []
    history: Rows = []
    compute: Rows = []
    pictures: dict[str, Arrays] = {}
    for folder in folders:
        run = Run(cell, folder, data, test, seen, evaluation, geometry)
        shelf = Shelf(kept, folder.name, {"run": run.record["key"], "device": device.type})
        metrics += [run.place | row for row in run.metrics(shelf)]
        history += [run.place | row for row in run.history()]
        compute += [run.place | row for row in run.cost()]
        if geometry is not None:
            distances += [run.place | row for row in run.distances(shelf)]
        if folder == shown:
            pictures["gallery"] = run.gallery(shelf)
            if geometry is not None:
                pictures["geometry"] = run.geometry_pictures(shelf)
        shelf.close()
    return Measured(
        metrics=metrics,
        history=history,
        compute=compute,
        gallery=pictures["gallery"],
        conditions={
            **{name: value for name, value in cell.plain().items() if name in RUN},
            "convention": cell.convention,
            "likelihood": cell.likelihood.name,
            "importance_samples": evaluation.importance_samples,
            "importance_images": min(evaluation.importance_images, len(test)),
            "test_sha256": binarisation.checksum(seen),
        },
        distances=distances if geometry is not None else None,
        geometry=pictures.get("geometry"),
    )


class Run:
    """One trained run before the test set: ``test`` are its grey bytes, ``seen`` what the model observes of them."""

    def __init__(
        self,
        cell: Cell,
        folder: Path,
        data: Data,
        test: Tensor,
        seen: Tensor,
        evaluation: Evaluation,
        geometry: Geometry | None,
    ) -> None:
        self.folder, self.data, self.test, self.seen = folder, data, test, seen
        self.evaluation, self.geometry = evaluation, geometry
        self.record = runs.record(folder)
        self.lost = runs.lost(self.record)
        self.place = {name: getattr(cell, name) for name in RUN if name != "seed"} | {"seed": self.record["seed"]}

    @cached_property
    def subject(self) -> Subject:
        """The model itself, read only if there is something to measure."""
        return Subject(
            load(self.folder / "best.safetensors").to(self.test.device),
            binarisation.scaled(self.test),
            binarisation.scaled(self.seen),
            self.record["seed"],
            importance_samples=self.evaluation.importance_samples,
            importance_images=self.evaluation.importance_images,
        )

    @cached_property
    def survey(self) -> Any:
        """Its latent geometry."""
        from vaebench.evaluation.survey.survey import Survey

        assert self.geometry is not None
        return Survey(self.subject, self.data.test.labels, self.data.train, self.geometry, self.lost)

    def metrics(self, shelf: Shelf) -> Rows:
        """Rows of every metric."""
        rows = []
        for subject, names in subjects(self.geometry).items():
            for name in names:
                more = self._facts(subject, catalogue.path_of("metrics", name))
                rows += shelf.rows(name, more, partial(self._rows, name, subject))
        return rows

    def _rows(self, name: str, subject: str) -> Rows:
        """Those of one metric: each of its numbers, of each part that it is measured over."""
        rows = []
        metric = catalogue.load("metrics", name)
        for part in metric.over:
            whole = None if self.lost else self.subject if subject == "model" else self.survey.parts[part]
            for label, value, reason in [(name, None, self.lost)] if self.lost else metric.rows(whole):
                rows.append({"part": part, "metric": label, "value": value, "reason": reason})
        return rows

    def history(self) -> Rows:
        """Every loss term of every epoch, as its file says."""
        path = self.folder / "history.csv"
        with reading(path, "a history", "train it again"), path.open(newline="") as file:
            return list(csv.DictReader(file))

    def cost(self) -> Rows:
        """What it cost and how it ended, in the columns of the metrics."""
        path = self.folder / "cost.json"
        with reading(path, "what a run cost", "train it again"):
            cost = json.loads(path.read_text())
            values = {name: cost[name] for name in COSTS}
        values |= {name: self.record[name] for name in ("parameters", "epochs", "best_epoch")}
        values["diverged"] = int(self.record["status"] == "diverged")
        return [{"part": "", "metric": name, "value": float(value), "reason": ""} for name, value in values.items()]

    def gallery(self, shelf: Shelf) -> Arrays:
        """Pictures of the model, or the reason why there are none."""
        if self.lost:
            return {"reason": np.array(self.lost)}
        labels, count = self.data.test.labels, self.evaluation.gallery_images
        facts = self._facts("model", "evaluation/pictures.py")
        return shelf.arrays("gallery", facts, lambda: gallery(self.subject, labels, count))

    def distances(self, shelf: Shelf) -> Rows:
        """Rows of the distances of the pairs of test images."""
        return shelf.rows("distances", self._facts("survey"), lambda: self.survey.distances())

    def geometry_pictures(self, shelf: Shelf) -> Arrays:
        """Pictures of the latent geometry, or the reason why there are none."""
        from vaebench.evaluation.survey.pictures import pictures

        facts = self._facts("survey", "evaluation/survey/pictures.py")
        return shelf.arrays("geometry", facts, lambda: pictures(self.survey))

    def _facts(self, subject: str, *code: str | Path) -> dict[str, Any]:
        """What determines a measurement of the model, or of its geometry, by code in these files."""
        files = {"model": "evaluation/subject.py", "survey": "evaluation/survey/survey.py"}
        settings = self.geometry if subject == "survey" else self.evaluation
        return {"code": catalogue.fingerprint(files[subject], *code), "settings": msgspec.to_builtins(settings)}
