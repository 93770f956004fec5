"""The configuration of a study: read, checked against its types, and unfolded into cells and runs.

A *cell* is dataset x architecture x flavour x latent size; a *run* is a cell and a seed. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, Struct, field

from . import catalogue
from .data.sources import BUILTIN, SOURCES
from .errors import VaebenchError

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
Settings = dict[str, Any]
Convention = Literal["dynamic", "static", "threshold", "none"]
SPLITS = ("train", "validation", "test")


class Limits(Struct, forbid_unknown_fields=True, frozen=True):
    """Use only the first images of each split."""

    train: Count | None = None
    validation: Count | None = None
    test: Count | None = None


class Dataset(Struct, forbid_unknown_fields=True, frozen=True):
    """Where images come from: a known name, or a file or folder of the user's."""

    path: str | None = None
    labels: str | None = None
    limits: Limits = Limits()


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

    @property
    def settled(self) -> tuple[str, Settings]:
        """Name and complete hyperparameters; raises `VaebenchError`."""
        return self.name, catalogue.settle("likelihoods", self.name, self.settings)


class Cell(Struct, frozen=True):
    """All that determines the numbers of one cell, but for its data and code: hyperparameters are complete."""

    dataset: str
    architecture: str
    flavour: str
    latent: int
    network: tuple[str, Settings]
    objective: tuple[str, Settings]
    likelihood: tuple[str, Settings]
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
            "engine.py",
            f"flavours/{self.objective[0]}.py",
            f"networks/{self.network[0]}.py",
            f"likelihoods/{self.likelihood[0]}.py",
        )

    def describe(self) -> Settings:
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

    def cells(self) -> list[Cell]:
        """Every cell of the study, hyperparameters checked and completed; raises `VaebenchError`."""
        networks = {name: _choice("networks", "network", name, given) for name, given in self.architectures.items()}
        flavours = {name: _choice("flavours", "flavour", name, given) for name, given in self.flavours.items()}
        product = [
            Cell(
                dataset=dataset,
                architecture=architecture,
                flavour=flavour,
                latent=latent,
                network=networks[architecture],
                objective=flavours[flavour],
                likelihood=self.likelihood.settled,
                convention=self.convention,
                training=self.training,
            )
            for dataset, architecture, flavour, latent in itertools.product(
                self.datasets, self.architectures, self.flavours, self.latents
            )
        ]
        rows = [
            Cell(
                dataset=catalogue.among("dataset", row.dataset, self.datasets),
                architecture=catalogue.among("architecture", row.architecture, self.architectures),
                flavour=label,
                latent=row.latent,
                network=networks[row.architecture],
                objective=(row.flavour, catalogue.settle("flavours", row.flavour, row.hyperparameters)),
                likelihood=(row.likelihood or self.likelihood).settled,
                convention=row.convention or self.convention,
                training=row.training or self.training,
            )
            for label, row in self.published.items()
        ]
        return product + [cell for cell in rows if self.uses_gpu or not self.published[cell.flavour].gpu]

    def evaluation_of(self, cell: Cell) -> Evaluation:
        """How a cell of the study is measured."""
        row = self.published.get(cell.flavour)
        return (row and row.evaluation) or self.evaluation


SECTIONS: dict[str, type[Struct]] = {
    "": Study,
    "datasets[...]": Dataset,
    "datasets[...].limits": Limits,
    "likelihood": Likelihood,
    "training": Training,
    "evaluation": Evaluation,
    "geometry": Geometry,
    "published[...]": Published,
}
SECTIONS |= {f"published[...].{name}": SECTIONS[name] for name in ("likelihood", "training", "evaluation")}


def _choice(kind: str, key: str, name: str, given: Settings | None) -> tuple[str, Settings]:
    """A named entry's file and settings: the file is the entry's own name unless ``key`` says another."""
    given = dict(given or {})
    choice = str(given.pop(key, name))
    return choice, catalogue.settle(kind, choice, given)


def check(raw: Any, where: str = "config") -> Study:
    """A study from plain data; `VaebenchError` says what is wrong and where."""
    try:
        study = msgspec.convert(raw, Study)
        if not study.cells() and not study.published:
            raise VaebenchError("nothing to train: give flavours and latents")
        if both := set(study.flavours) & set(study.published):
            raise VaebenchError(f"'{both.pop()}' is both in flavours and in published: give one another name")
    except msgspec.ValidationError as error:
        raise VaebenchError(f"{where}: {_explain(str(error))}") from None
    except VaebenchError as error:
        raise VaebenchError(f"{where}: {error}") from None
    for name, dataset in study.datasets.items():
        if dataset is not None and dataset.labels is not None and dataset.path is None:
            raise VaebenchError(f"{where}: datasets.{name}: labels without a path: give the path of the images too")
        if (dataset is None or dataset.path is None) and name not in (*SOURCES, *BUILTIN):
            known = catalogue.nearest(name, (*SOURCES, *BUILTIN))
            raise VaebenchError(f"{where}: unknown dataset '{name}' without a path: {known}")
    for name, values in (("latents", study.latents), ("seeds", study.seeds)):
        if len(set(values)) < len(values):
            raise VaebenchError(f"{where}: {name} holds a value twice: list each one once")
    return study


def read(path: str | Path) -> Study:
    """A study from a YAML file; raises `VaebenchError`."""
    try:
        return check(msgspec.yaml.decode(Path(path).read_bytes()), str(path))
    except (OSError, msgspec.DecodeError) as error:
        reason = " ".join(str(error).split())
        raise VaebenchError(f"{path}: cannot be read as YAML ({reason}): mend the file") from None


def schema() -> str:
    """The JSON schema of a configuration file."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | msgspec.json.schema(Study), indent=2)


def _explain(message: str) -> str:
    """msgspec's message, with the place first and the nearest field or option for an unknown one."""
    what, _, at = message.partition(" - at ")
    at = re.sub(r"`|\$\.?", "", at)
    if unknown := re.search(r"unknown field `(.*)`", what):
        what += f": {catalogue.nearest(unknown[1], SECTIONS[at].__struct_fields__)}"
    if invalid := re.search(r"enum value '(.*)'", what):
        section, _, name = at.rpartition(".")
        what += f": {catalogue.nearest(invalid[1], get_args(get_type_hints(SECTIONS[section])[name]))}"
    return f"{at or 'top level'}: {what}"


def identity(cell: Cell, seed: int, *, data: str, width: int, device: str) -> str:
    """Key of a run: equal keys mean equal bytes.

    ``data`` is the checksum of the prepared dataset, ``width`` the number of seeds stacked in one program and
    ``device`` the kind of device, which all enter the last bit of the result.
    """
    facts = cell.describe() | {"seed": seed, "data": data, "width": width, "device": device, "code": cell.code}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
