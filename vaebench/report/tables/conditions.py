"""What every table states: what its numbers are, and under what conditions they were measured.

Conditions are those of `vaebench.evaluation.measure.Measured`, one mapping for each cell.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from vaebench.report.tables.columns import members, named, of_geometry, over, reference
from vaebench.study import catalogue
from vaebench.study.naming import metric_name, readable
from vaebench.study.tidy import CELL

Conditions = Mapping[str, Any]
Place = tuple[Any, ...]  # of a cell: dataset, architecture, flavour, latent size


def place(cell: Conditions) -> Place:
    """Where a cell stands in a table."""
    return tuple(cell[name] for name in CELL)


def plain(cell: Conditions) -> bool:
    """Whether a cell is of the `reference`."""
    return cell["objective"] == msgspec.to_builtins(reference())


def comparable(cell: Conditions) -> str:
    """What two cells must have in common if their numbers are to be compared."""
    return json.dumps([cell[name] for name in ("convention", "likelihood", "likelihood_settings", "test_sha256")])


def stated(table: str, conditions: Sequence[Conditions]) -> tuple[str, dict[Place, list[str]]]:
    """The line of conditions that most cells of a table share, and for each cell in what it differs.

    What the labels of flavours stand for is said as well where these are not the flavours' own names and defaults, and
    how many of a cell's seeds are left out because they diverged.
    """
    line: list[str] = []
    marks: dict[Place, list[str]] = {place(cell): [] for cell in conditions}
    for cell in conditions:
        if words := _chosen("flavours", cell["flavour"], cell["objective"]):
            marks[place(cell)].append(words)
    for phrase in _phrases(table):
        said = [phrase(cell) for cell in conditions]
        [(common, _)] = Counter(said).most_common(1)
        line.append(common)
        for cell, words in zip(conditions, said, strict=True):
            if words != common:
                marks[place(cell)].append(words)
    networks = {cell["architecture"]: _chosen("networks", cell["architecture"], cell["network"]) for cell in conditions}
    line += [f"{readable(label)} is {words}" for label, words in networks.items() if words]
    for cell in conditions:
        if cell["diverged"]:
            count = f"{len(cell['diverged'])} of {len(cell['seeds'])}"
            marks[place(cell)].append(f"{count} seeds diverged, left out")
    return "; ".join(line), {where: said for where, said in marks.items() if said}


def _phrases(table: str) -> list[Callable[[Conditions], str]]:
    """What there is to say of each cell of a table."""
    phrases: list[Callable[[Conditions], str]] = [
        lambda cell: f"data convention: {cell['convention']}",
        lambda cell: f"likelihood: {cell['likelihood']}{_settings(cell['likelihood_settings'])}",
        _training,
        lambda cell: f"weights kept: {cell['selection']}",
        lambda cell: f"{len(cell['seeds'])} seed{'s' * (len(cell['seeds']) > 1)}",
    ]
    if "nll" in members(table):
        phrases.append(_importance_sampling)
    if over(table) == "Sampler":
        phrases.append(_samplers)
    if table == "generation":
        phrases.append(_judge)
    if of_geometry(table):
        phrases.append(_metric)
        phrases.append(lambda cell: f"{cell['points']} evenly spaced test codes, as many prior samples")
    if of_geometry(table) or table == "agreement":
        phrases.append(lambda cell: f"{cell['pairs']} pairs of test images")
    return phrases


def _training(cell: Conditions) -> str:
    masking = f"training with {cell['masking']:.0%} of the pixels masked" if cell["masking"] else "no masking"
    warmup = f", the rate warmed up over {cell['warmup']} epochs" if cell["warmup"] else ""
    precision = "" if cell["precision"] == "float32" else f", training in {cell['precision']}"
    many = cell.get("decoders", 1)  # which results of before do not say
    decoders = f", the first of {many} decoders that shared every batch" if many > 1 else ""
    return masking + warmup + precision + decoders


def _importance_sampling(cell: Conditions) -> str:
    images = f"{cell['importance_images']} of {cell['test_images']} test images"
    return f"NLL and effective sample size: K = {cell['importance_samples']} importance samples for {images}"


def _samplers(cell: Conditions) -> str:
    chosen = [metric_name(label) + _settings(choice["settings"]) for label, choice in cell["samplers"].items()]
    return f"samplers fitted to the training images: {', '.join(chosen)}; {cell['generated_images']} samples"


def _judge(cell: Conditions) -> str:
    """What judges, and how training images and noise score."""
    judge = cell["judge"]
    if judge["kind"] != "classifier":
        return f"features: first {judge['kind']} of the training images"
    ends = [f"{named(name)} {judge['floor'][name]:.3g} and {judge['noise'][name]:.3g}" for name in _framed(judge)]
    scores = f"; training images and noise score {', '.join(ends)}" if ends else ""
    return f"judge: a classifier, {judge['accuracy']:.2%} accurate on {cell['dataset']}{scores}"


def _framed(judge: Mapping[str, Any]) -> list[str]:
    """Metrics of which both ends of the frame have a value."""
    return [name for name in judge["floor"] if name in judge["noise"]]


def _metric(cell: Conditions) -> str:
    whitened = "latents whitened by the codes' covariance in its active directions"
    first, *others = (catalogue.caption("latent_metrics", name).rstrip(".") for name in cell["geometry_metrics"])
    also = "".join(f"; {name}: {what}" for name, what in zip(cell["geometry_metrics"][1:], others, strict=True))
    return f"{first}, in float64, {whitened}{also}"


def _chosen(kind: str, label: str, choice: Mapping[str, Any]) -> str:
    """What a label stands for, if it is not a file's name alone: "beta_vae (beta = 10)"."""
    defaults = catalogue.settle(kind, choice["name"], {})
    settings = {name: value for name, value in choice["settings"].items() if _json(value) != _json(defaults[name])}
    return choice["name"] + _settings(settings) if settings or label != choice["name"] else ""


def _json(value: Any) -> str:
    """Equal for a tuple and for what a file of conditions holds in its place."""
    return json.dumps(value)


def _settings(settings: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{name} = {value}' for name, value in settings.items())})" if settings else ""
