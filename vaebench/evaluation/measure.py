"""The measurements of a cell's runs, as tidy tables and as pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
import torch

from vaebench.data import binarisation
from vaebench.data.dataset import Data
from vaebench.errors import Missing, VaebenchError
from vaebench.evaluation.bench import Bench
from vaebench.evaluation.judge import Judge
from vaebench.evaluation.kept import Arrays, Shelf
from vaebench.evaluation.metric import Row
from vaebench.evaluation.pictures import gallery
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.survey import present
from vaebench.evaluation.survey.pairs import available
from vaebench.evaluation.views import Views, facts, parts, wanted
from vaebench.files import reading
from vaebench.model.recipe import Recipe, load
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Cell, Choice, Evaluation, Geometry, changes
from vaebench.study.tidy import CELL, Rows
from vaebench.training import runs

HEADLINE = (("elbo", "ELBO", " nats"), ("mse", "MSE", ""))
COSTS = ("wall_seconds", "samples_per_second", "peak_memory", "pack")


@dataclass(frozen=True)
class Measured:
    """Of one cell: tidy tables of metrics, losses by epoch, costs and distances; pictures of the first seed not lost.

    ``per_image`` holds the values that a metric is the mean of, float32 (images,) by "METRIC/seedN", not a number for
    images that were not looked at. ``conditions`` are what a table must state, and the ``rows`` of each tidy table.
    Without `geometry` there are no distances and no ``geometry`` pictures.
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


@torch.no_grad()
def measure(
    cell: Cell,
    folders: Sequence[Path],
    data: Data,
    evaluation: Evaluation,
    geometry: Geometry | None,
    device: torch.device,
    kept: Path | None = None,
    *,
    samplers: Mapping[str, Choice] = MappingProxyType({}),
    judges: Sequence[Judge] = (),
    foreign: Mapping[str, Data] = MappingProxyType({}),
) -> Measured:
    """Measure the trained runs of a cell on the test set; what was measured before is taken from the folder ``kept``.

    Values are in the metric's unit, or missing with a reason. A run that is lost (`vaebench.training.runs.lost`) has
    only missing values. Raises `VaebenchError` for a run that cannot be read, or that is of another cell or other data.
    """
    bench = Bench(cell, data, evaluation, geometry, device, samplers, judges, foreign, len(folders))
    records = [runs.record(folder) for folder in folders]
    shown = next((place for place, record in enumerate(records) if not runs.lost(record)), 0)
    metrics: Rows = []
    per_image: Arrays = {}
    distances: Rows = []
    history: Rows = []
    compute: Rows = []
    pictures: dict[str, Arrays] = {}
    beside = [Run(bench, folder, record) for folder, record in zip(folders, records, strict=True)]
    for place, (folder, record) in enumerate(zip(folders, records, strict=True)):
        others = [other for number, other in enumerate(beside) if number != place and not other.lost]
        run = Run(bench, folder, record, others)
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
            "samplers": {label: msgspec.to_builtins(choice) for label, choice in samplers.items()},
            "generated_images": min(evaluation.generated_images, len(data.test.images)),
            "device": device.type,
            "test_sha256": binarisation.checksum(bench.seen),
            "rows": {"metrics": len(metrics), "history": len(history), "compute": len(compute)}
            | ({"distances": len(distances)} if geometry is not None else {}),
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
        "warmup": cell.training.warmup,
        "precision": cell.training.precision,
        "decoders": cell.training.decoders,
        "selection": recipe.flavour.selection,
        "seeds": [record["seed"] for record in records],
        "diverged": [record["seed"] for record in records if runs.lost(record)],
        "epochs": [min(epochs), max(epochs)],
        "test_images": images,
        "importance_samples": evaluation.importance_samples,
        "importance_images": min(evaluation.importance_images, images),
        "geometry_metrics": geometry and geometry.metrics,
        "points": geometry and min(geometry.points, images),
        "pairs": geometry and available(geometry.pairs, images),
    }


class Run:
    """One trained run on the bench, and the ``others`` of its cell that are not lost.

    Raises `VaebenchError` if it is of another cell or other data.
    """

    def __init__(self, bench: Bench, folder: Path, record: dict[str, Any], others: Sequence[Run] = ()) -> None:
        self.bench, self.folder, self.record, self.lost = bench, folder, record, runs.lost(record)
        self.others = others
        cell, data = bench.cell, bench.data
        self.place = {name: getattr(cell, name) for name in CELL} | {"seed": record["seed"]}
        self.recipe = Recipe.of(cell, data.shape, scale=data.scale, data=data.checksum, seed=record["seed"])
        self._same(record["cell"] | {"data": record["data"]}, cell.plain() | {"data": data.checksum})

    def _same(self, found: dict[str, Any], wanted: dict[str, Any]) -> None:
        """Raise `VaebenchError` where what is found is not what is wanted."""
        if difference := changes(found, wanted):
            raise VaebenchError(f"{self.folder} holds a run of another configuration ({difference}): train it again")

    @cached_property
    def views(self) -> Views:
        """The model, as metrics look at it; read only if there is something to measure.

        Raises `VaebenchError` if it is another.
        """
        others = [run.subject for run in self.others]
        return Views(self.bench, self._model(), self.record["seed"], self.folder, self.record["key"], self.lost, others)

    @cached_property
    def subject(self) -> Subject:
        """The model before the test set, for others to be held against; it raises likewise."""
        return self.bench.subject(self._model(), self.record["seed"])

    def _model(self) -> VAE:
        model = load(self.folder / "best.safetensors")
        self._same(msgspec.to_builtins(model.recipe), msgspec.to_builtins(self.recipe))
        return model

    def metrics(self, shelf: Shelf) -> Rows:
        """Rows of every metric, of each part that it is measured over."""
        rows = []
        for view, names in wanted(self.bench).items():
            for part in parts(self.bench, view):
                for name in names:
                    what, more = f"{name} {part}".strip(), facts(self.bench, view, part, name)
                    if view == "seeds":
                        more |= {"others": [other.record["key"] for other in self.others]}
                    rows += shelf.rows(what, more, partial(self._rows, name, view, part))
        return rows

    def _rows(self, name: str, view: str, part: str) -> Rows:
        """Those of one metric: each of its numbers."""
        rows: Rows = []
        metric, geometry = catalogue.load("metrics", name), self.bench.geometry
        for each_part in present(metric.over, geometry.metrics) if geometry and view == "survey" else [part]:
            if self.lost:
                found = [Row(name, None, reason=self.lost)]
            else:
                try:
                    found = list(metric.rows(self.views.of(view, each_part)))
                except Missing as error:
                    found = [Row(name, None, reason=str(error))]
            for row in found:
                each = None if row.each is None else row.each.float().cpu().numpy()
                fields = {"part": each_part, "metric": row.name, "value": row.value, "error": row.error}
                rows.append(fields | {"reason": row.reason, "each": each})
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
        epoch = values["wall_seconds"] / max(values["epochs"], 1)
        values |= {"seconds_per_epoch": epoch, "seconds_to_best": epoch * values["best_epoch"]}
        values["diverged"] = int(self.record["status"] == "diverged")
        return [{"part": "", "metric": name, "value": float(value), "reason": ""} for name, value in values.items()]

    def gallery(self, shelf: Shelf) -> Arrays:
        """Pictures of the model, or the reason why there are none."""
        if self.lost:
            return {"reason": np.array(self.lost)}
        labels, count = self.bench.data.test.labels, self.bench.evaluation.gallery_images
        more = facts(self.bench, "model", "", "") | {"pictures": catalogue.fingerprint("evaluation/pictures.py")}
        more |= {"samplers": {label: facts(self.bench, "samples", label, "") for label in self.bench.samplers}}
        more |= {"images": count}
        return shelf.arrays("gallery", more, lambda: gallery(self.views, labels, count)) | self._classes()

    def distances(self, shelf: Shelf) -> Rows:
        """Rows of the distances of the pairs of test images."""
        return shelf.rows("distances", facts(self.bench, "survey", "", ""), lambda: self.views.survey.distances())

    def geometry_pictures(self, shelf: Shelf) -> Arrays:
        """Pictures of the latent geometry, or the reason why there are none."""
        from vaebench.evaluation.survey.pictures import pictures

        more = facts(self.bench, "survey", "", "") | {
            "pictures": catalogue.fingerprint("evaluation/survey/pictures.py")
        }
        return shelf.arrays("geometry", more, lambda: pictures(self.views.survey)) | self._classes()

    def _classes(self) -> Arrays:
        """Names of the labels in pictures, if there are any; none if the data have none."""
        return {} if self.lost else {"classes": np.array(self.bench.data.classes, str)}
