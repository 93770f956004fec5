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
from vaebench.errors import VaebenchError
from vaebench.evaluation.kept import Arrays, Shelf
from vaebench.evaluation.metric import Row
from vaebench.evaluation.pictures import gallery
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.survey.pairs import available
from vaebench.files import reading
from vaebench.model.recipe import Recipe, load
from vaebench.study import catalogue
from vaebench.study.config import Cell, Evaluation, Geometry, changes
from vaebench.study.tidy import CELL, Rows
from vaebench.training import runs

HEADLINE = (("elbo", "ELBO", " nats"), ("mse", "MSE", ""))
COSTS = ("wall_seconds", "samples_per_second", "peak_memory", "pack")


@dataclass(frozen=True)
class Measured:
    """Of one cell: tidy tables of metrics, losses by epoch, costs and distances; pictures of the first seed not lost.

    ``per_image`` holds the values that a metric is the mean of, float32 (images,) by "METRIC/seedN", not a number for
    images that were not looked at. ``conditions`` are what a table must state. Without `geometry` there are no
    distances and no ``geometry`` pictures.
    """

    metrics: Rows
    per_image: Arrays
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

    Values are in the metric's unit, or missing with a reason. A run that is lost (`vaebench.training.runs.lost`) has
    only missing values. Raises `VaebenchError` for a run that cannot be read, or that is of another cell or other data.
    """
    test = data.test.images.to(device)
    seen = binarisation.fixed(test, cell.convention, "test")
    records = [runs.record(folder) for folder in folders]
    shown = next((place for place, record in enumerate(records) if not runs.lost(record)), 0)
    metrics: Rows = []
    per_image: Arrays = {}
    distances: Rows = []
    history: Rows = []
    compute: Rows = []
    pictures: dict[str, Arrays] = {}
    for place, (folder, record) in enumerate(zip(folders, records, strict=True)):
        run = Run(cell, folder, record, data, test, seen, evaluation, geometry)
        shelf = Shelf(kept, folder.name, {"run": record["key"], "lost": run.lost, "device": device.type})
        for row in run.metrics(shelf):
            metrics.append(run.place | {name: value for name, value in row.items() if name != "each"})
            if row["each"] is not None:
                per_image[f"{row['metric']}/seed{record['seed']}"] = row["each"]
        history += [run.place | row for row in run.history()]
        compute += [run.place | row for row in run.cost()]
        if geometry is not None:
            distances += [run.place | row for row in run.distances(shelf)]
        if place == shown:
            pictures["gallery"] = run.gallery(shelf)
            if geometry is not None:
                pictures["geometry"] = run.geometry_pictures(shelf)
        shelf.close()
    return Measured(
        metrics=metrics,
        per_image=per_image,
        history=history,
        compute=compute,
        gallery=pictures["gallery"],
        conditions={
            **conditions(cell, records, data, evaluation, geometry),
            "device": device.type,
            "test_sha256": binarisation.checksum(seen),
        },
        distances=distances if geometry is not None else None,
        geometry=pictures.get("geometry"),
    )


def conditions(
    cell: Cell, records: Sequence[dict[str, Any]], data: Data, evaluation: Evaluation, geometry: Geometry | None
) -> dict[str, Any]:
    """What was done to the runs of a cell that have these ``records``, as plain data.

    ``objective`` and ``network`` are what the labels stand for; ``own_likelihood`` says why images do not have the
    ``likelihood``, if they do not. ``epochs`` are the fewest and the most that a run has trained, ``diverged`` those of
    the ``seeds`` that are lost. ``importance_samples`` are of each of ``importance_images`` out of ``test_images``;
    ``points`` are test codes, None like ``pairs`` without geometry.
    """
    images, epochs = len(data.test.images), [record["epochs"] for record in records]
    recipe = Recipe.of(cell, data.shape, scale=data.scale)
    facts = cell.plain()
    return {
        **{name: facts[name] for name in CELL},
        "objective": facts["objective"],
        "network": facts["network"],
        "likelihood": cell.likelihood.name,
        "likelihood_settings": facts["likelihood"]["settings"],
        "own_likelihood": recipe.build().own_likelihood,
        "convention": cell.convention,
        "masking": cell.training.masking,
        "selection": recipe.flavour.selection,
        "seeds": [record["seed"] for record in records],
        "diverged": [record["seed"] for record in records if runs.lost(record)],
        "epochs": [min(epochs), max(epochs)],
        "test_images": images,
        "importance_samples": evaluation.importance_samples,
        "importance_images": min(evaluation.importance_images, images),
        "geometry_metric": geometry and geometry.metric,
        "points": geometry and min(geometry.points, images),
        "pairs": geometry and available(geometry.pairs, images),
    }


class Run:
    """One trained run before the test set: ``test`` are its images, ``seen`` what the model observes of them.

    Raises `VaebenchError` if it is of another cell or other data.
    """

    def __init__(
        self,
        cell: Cell,
        folder: Path,
        record: dict[str, Any],
        data: Data,
        test: Tensor,
        seen: Tensor,
        evaluation: Evaluation,
        geometry: Geometry | None,
    ) -> None:
        self.folder, self.data, self.test, self.seen = folder, data, test, seen
        self.evaluation, self.geometry = evaluation, geometry
        self.record, self.lost = record, runs.lost(record)
        self.place = {name: getattr(cell, name) for name in CELL} | {"seed": record["seed"]}
        self.recipe = Recipe.of(cell, data.shape, scale=data.scale, data=data.checksum, seed=record["seed"])
        self._same(record["cell"] | {"data": record["data"]}, cell.plain() | {"data": data.checksum})

    def _same(self, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        """Raise `VaebenchError` where what is found is not what is wanted."""
        if difference := changes(found, wanted):
            raise VaebenchError(f"{self.folder} holds a run of another configuration ({difference}): train it again")

    @cached_property
    def subject(self) -> Subject:
        """The model itself, read only if there is something to measure; raises `VaebenchError` if it is another."""
        model = load(self.folder / "best.safetensors")
        self._same(msgspec.to_builtins(model.recipe), msgspec.to_builtins(self.recipe))
        return Subject(
            model.to(self.test.device),
            binarisation.scaled(self.test),
            binarisation.scaled(self.seen),
            self.record["seed"],
            importance_samples=self.evaluation.importance_samples,
            importance_images=self.evaluation.importance_images,
            scale=self.data.scale,
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
            for row in [Row(name, None, reason=self.lost)] if self.lost else metric.rows(whole):
                each = None if row.each is None else row.each.float().cpu().numpy()
                facts = {"part": part, "metric": row.name, "value": row.value, "error": row.error}
                rows.append(facts | {"reason": row.reason, "each": each})
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
