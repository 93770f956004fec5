"""The configuration of a study: read, checked against its types, and unfolded into cells and runs.

A *cell* is dataset x architecture x flavour x latent size; a *run* is a cell and a seed. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from vaebench.data.sources import Dataset, Limits
from vaebench.errors import VaebenchError, among, nearest
from vaebench.files import reading
from vaebench.study import catalogue

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
Settings = dict[str, Any]
Convention = Literal["dynamic", "static", "threshold", "none"]
EVERY = "all"  # in a study's flavours: each one of the catalogue


class Training(Struct, forbid_unknown_fields=True, frozen=True):
    """How every run is trained."""

    epochs: Count = 50
    batch_size: Count = 128
    learning_rate: Positive = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    patience: Count | None = None
    masking: Annotated[float, Meta(ge=0, lt=1)] = 0.0


class Evaluation(Struct, forbid_unknown_fields=True, frozen=True):
    """How every trained run is measured on the test set."""

    importance_samples: Count = 500
    importance_images: Count = 1000
    gallery_images: Count = 8


class Geometry(Struct, forbid_unknown_fields=True, frozen=True):
    """How the latent geometry of every trained run is measured.

    ``points`` test codes and prior samples, ``pairs`` of test images, and the metric that images are compared by.
    """

    metric: Literal["euclidean", "fisher_rao"] = "euclidean"
    points: Count = 200
    pairs: Count = 100


class Likelihood(Struct, forbid_unknown_fields=True, frozen=True):
    """The family of p(x|z) and its hyperparameters."""

    name: str = "bernoulli"
    settings: Settings = {}


class Choice(Struct, frozen=True):
    """A file of the catalogue, by name, and all of its hyperparameters."""

    name: str
    settings: Settings

    @classmethod
    def of(cls, kind: str, name: str, given: Settings | None = None) -> Choice:
        """A choice with hyperparameters checked and completed; raises `VaebenchError`."""
        return cls(name, catalogue.settle(kind, name, given or {}))

    @classmethod
    def labelled(cls, kind: str, label: str, given: Settings | None) -> Choice:
        """What an entry of a configuration chooses: its label, unless it names another file (as ``flavour:``)."""
        given = dict(given or {})
        return cls.of(kind, str(given.pop(kind.removesuffix("s"), label)), given)


class Cell(Struct, frozen=True):
    """All that determines the numbers of one cell, but for its data and code: hyperparameters are complete.

    ``dataset``, ``architecture`` and ``flavour`` are the labels that tables show, ``network`` and ``objective`` what
    the last two choose.
    """

    dataset: Name
    architecture: Name
    flavour: Name
    latent: Count
    network: Choice
    objective: Choice
    likelihood: Choice
    convention: Convention
    training: Training

    @property
    def path(self) -> str:
        """Where the cell's runs lie, below a folder of runs."""
        return f"{self.dataset}/{self.architecture}/{self.flavour}/z{self.latent}"

    @property
    def code(self) -> str:
        """Fingerprint of the code that trains the cell."""
        return catalogue.fingerprint(
            "training/engine.py",
            catalogue.path_of("flavours", self.objective.name),
            catalogue.path_of("networks", self.network.name),
            catalogue.path_of("likelihoods", self.likelihood.name),
        )

    def plain(self) -> Settings:
        """The cell as plain data."""
        return msgspec.to_builtins(self)


class Published(Struct, forbid_unknown_fields=True, frozen=True):
    """A published value and the cell that is held against it; settings left out are the study's."""

    dataset: Name
    architecture: Name
    flavour: str
    latent: Count
    value: float
    source: str
    interval: float | None = None
    metric: str = "nll"
    differences: str = ""
    hyperparameters: Settings = {}
    convention: Convention | None = None
    likelihood: Likelihood | None = None
    training: Training | None = None
    evaluation: Evaluation | None = None
    gpu: bool = False


class Study(Struct, forbid_unknown_fields=True, frozen=True):
    """A whole configuration file: the product of ``flavours`` and ``latents`` with the rest, and ``published`` rows."""

    datasets: Annotated[dict[Name, Dataset | None], Meta(min_length=1)]
    flavours: dict[Name, Settings | None] = {}
    latents: list[Count] = []
    architectures: Annotated[dict[Name, Settings | None], Meta(min_length=1)] = field(
        default_factory=lambda: {"mlp": None}
    )
    seeds: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1)] = field(default_factory=lambda: [0, 1, 2])
    convention: Convention = "dynamic"
    likelihood: Likelihood = Likelihood()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    geometry: Geometry | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    pack: Count | None = None
    mirror: str | None = None
    published: dict[Name, Published] = {}
    pathvars: dict[str, str] = {}

    @property
    def uses_gpu(self) -> bool:
        """Whether jobs should claim a GPU, found out without torch; a cluster's profile has its own say."""
        return self.device == "cuda" or (self.device == "auto" and Path("/dev/nvidia0").exists())

    def chosen(self) -> dict[str, Choice]:
        """The product's flavours by label, in order; ``all`` is every one with its defaults. Raises `VaebenchError`."""
        given = dict(self.flavours)
        if EVERY in given:
            if given.pop(EVERY):
                raise VaebenchError(f"flavours.{EVERY} takes no settings: give them to the flavours by name")
            every = [name for names in catalogue.groups("flavours").values() for name in names]
            given = dict.fromkeys(every) | given
        return {label: Choice.labelled("flavours", label, settings) for label, settings in given.items()}

    def cells(self) -> list[Cell]:
        """Every cell of the study, hyperparameters checked and completed; raises `VaebenchError`."""
        networks = {label: Choice.labelled("networks", label, given) for label, given in self.architectures.items()}
        flavours = self.chosen()
        product = [
            Cell(
                dataset=dataset,
                architecture=architecture,
                flavour=flavour,
                latent=latent,
                network=networks[architecture],
                objective=flavours[flavour],
                likelihood=Choice.of("likelihoods", self.likelihood.name, self.likelihood.settings),
                convention=self.convention,
                training=self.training,
            )
            for dataset, architecture, flavour, latent in itertools.product(
                self.datasets, self.architectures, flavours, self.latents
            )
        ]
        rows = []
        for label, row in self.published.items():
            likelihood = row.likelihood or self.likelihood
            cell = Cell(
                dataset=among("dataset", row.dataset, self.datasets),
                architecture=among("architecture", row.architecture, self.architectures),
                flavour=label,
                latent=row.latent,
                network=networks[row.architecture],
                objective=Choice.of("flavours", row.flavour, row.hyperparameters),
                likelihood=Choice.of("likelihoods", likelihood.name, likelihood.settings),
                convention=row.convention or self.convention,
                training=row.training or self.training,
            )
            if self.uses_gpu or not row.gpu:
                rows.append(cell)
        return product + rows

    def families(self) -> dict[str, str]:
        """The family of each label of `cells`, in the order in which tables and figures show them.

        Families in the catalogue's order; flavours of one family in the configuration's.
        """
        objectives = {cell.flavour: cell.objective.name for cell in self.cells()}
        found = {label: catalogue.group_of("flavours", name) for label, name in objectives.items()}
        order = list(catalogue.groups("flavours"))
        return dict(sorted(found.items(), key=lambda item: order.index(item[1])))

    def evaluation_of(self, cell: Cell) -> Evaluation:
        """How a cell of the study is measured."""
        row = self.published.get(cell.flavour)
        return (row and row.evaluation) or self.evaluation


SECTIONS: dict[str, type[Struct]] = {
    "": Study,
    "datasets[...]": Dataset,
    "datasets[...].limits": Limits,
    "limits": Limits,  # of a dataset on its own
    "likelihood": Likelihood,
    "training": Training,
    "evaluation": Evaluation,
    "geometry": Geometry,
    "published[...]": Published,
}
SECTIONS |= {f"published[...].{name}": SECTIONS[name] for name in ("likelihood", "training", "evaluation")}


def check(raw: Any, where: str = "config") -> Study:
    """A study from plain data; `VaebenchError` says what is wrong and where."""
    study = _converted(raw, Study, where)
    try:
        labels = study.chosen()
        if not study.cells() and not study.published:
            raise VaebenchError("nothing to train: give flavours and latents")
        if both := set(labels) & set(study.published):
            raise VaebenchError(f"'{both.pop()}' is both in flavours and in published: give one another name")
    except VaebenchError as error:
        raise VaebenchError(f"{where}: {error}") from None
    for name, dataset in study.datasets.items():
        _origin(name, dataset or Dataset(), f"{where}: datasets.{name}")
    for name, values in (("latents", study.latents), ("seeds", study.seeds)):
        if len(set(values)) < len(values):
            raise VaebenchError(f"{where}: {name} holds a value twice: list each one once")
    return study


def dataset(name: str, fields: Settings) -> Dataset:
    """A dataset from its name and the fields of a configuration's entry; raises `VaebenchError`."""
    found = _converted(fields, Dataset, f"dataset '{_converted(name, Name, 'name of a dataset')}'")
    _origin(name, found, "dataset")
    return found


def cell(
    flavour: str,
    *,
    latent: int,
    data: str = "digits",
    network: str = "mlp",
    likelihood: str = "bernoulli",
    convention: str = "dynamic",
    hyperparameters: Settings | None = None,
    network_settings: Settings | None = None,
    likelihood_settings: Settings | None = None,
    **training: Any,
) -> Cell:
    """One cell from names and settings; ``training`` takes the fields of `Training`. Raises `VaebenchError`."""
    try:
        choices = {
            "network": Choice.of("networks", network, network_settings),
            "objective": Choice.of("flavours", flavour, hyperparameters),
            "likelihood": Choice.of("likelihoods", likelihood, likelihood_settings),
        }
    except VaebenchError as error:
        raise VaebenchError(f"settings: {error}") from None
    labels = {"dataset": data, "architecture": network, "flavour": flavour, "latent": latent}
    facts = labels | {name: msgspec.to_builtins(choice) for name, choice in choices.items()}
    return _converted(facts | {"convention": convention, "training": training}, Cell, "settings")


def read(path: str | Path) -> Study:
    """A study from a YAML file; raises `VaebenchError`."""
    with reading(path, "YAML", "mend the file"):
        raw = msgspec.yaml.decode(Path(path).read_bytes())
    return check(raw, str(path))


def schema() -> str:
    """The JSON schema of a configuration file."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | msgspec.json.schema(Study), indent=2)


def identity(cell: Cell, seed: int, *, data: str, pack: int, device: str) -> str:
    """Key of a run: equal keys mean equal bytes.

    ``data`` is the checksum of the prepared dataset, ``pack`` the number of seeds stacked in one program and
    ``device`` the kind of device, which all enter the last bit of the result.
    """
    facts = cell.plain() | {"seed": seed, "data": data, "pack": pack, "device": device, "code": cell.code}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def changes(old: Settings, new: Settings) -> str:
    """The settings in which two such trees of plain data differ, as ``training.epochs: 5 -> 6``."""
    before, after = dict(_flat(old)), dict(_flat(new))
    differing = [name for name in before | after if before.get(name) != after.get(name)]
    return "; ".join(f"{name}: {before.get(name)} -> {after.get(name)}" for name in differing)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list | tuple) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(inner, f"{name}.{key}".strip("."))
    else:
        yield name, [] if value == () else value


def _origin(name: str, dataset: Dataset, where: str) -> None:
    try:
        dataset.origin(name)
    except VaebenchError as error:
        raise VaebenchError(f"{where}: {error}") from None


def _converted(raw: Any, kind: Any, where: str) -> Any:
    """Plain data as a struct; `VaebenchError` says what does not fit."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        sections = SECTIONS | ({"": kind} if isinstance(kind, type) else {})
        raise VaebenchError(f"{where}: {_explain(str(error), sections)}") from None


def _explain(message: str, sections: dict[str, type[Struct]]) -> str:
    """msgspec's message, with the place first and the nearest field or option for an unknown one."""
    what, _, at = message.partition(" - at ")
    at = re.sub(r"`|\$\.?", "", at)
    if unknown := re.search(r"unknown field `(.*)`", what):
        what += f": {nearest(unknown[1], sections[at].__struct_fields__)}"
    if invalid := re.search(r"enum value '(.*)'", what):
        section, _, name = at.rpartition(".")
        what += f": {nearest(invalid[1], get_args(get_type_hints(sections[section])[name]))}"
    return f"{at or 'top level'}: {what}"
