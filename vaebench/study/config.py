"""The configuration of a study: read, checked against its types, and unfolded into cells and runs.

A *cell* is dataset x architecture x flavour x latent size; a *run* is a cell and a seed. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from vaebench.data.sources import SOURCES, Dataset
from vaebench.errors import VaebenchError, among, nearest, one_line
from vaebench.study import catalogue, faults
from vaebench.study.document import plain

LARGEST = 2**31 - 1
Count = Annotated[int, Meta(ge=1, le=LARGEST)]
Seed = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Finite = Annotated[float, Meta(ge=-sys.float_info.max, le=sys.float_info.max)]
Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*$(?!\n)")]  # Python's $ lets a line break follow
Place = Annotated[str, Meta(min_length=1)]
PLACES = {  # that the workflow writes to, some in others
    "results": "results",
    "data": "<results>/data",
    "logs": "<results>/logs",
    "benchmarks": "<results>/benchmarks",
}
Settings = dict[str, Any]
Convention = Literal["dynamic", "static", "threshold", "none"]
Scale = Literal["unit", "real"]
Precision = Literal["float32", "tf32", "bfloat16"]
EVERY = "all"  # in a study's flavours: each one of the catalogue


class Training(Struct, forbid_unknown_fields=True, frozen=True):
    """How every run is trained."""

    epochs: Count = 50
    batch_size: Count = 128
    learning_rate: Positive = 1e-3
    schedule: Literal["constant", "cosine"] = "constant"
    patience: Count | None = None
    masking: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    precision: Precision = "float32"
    warmup: Annotated[int, Meta(ge=0)] = 0  # epochs
    decoders: Annotated[int, Meta(ge=1, le=16)] = 1  # of one posterior


Tier = Literal["default", "thorough"]


class Evaluation(Struct, forbid_unknown_fields=True, frozen=True):
    """How every trained run is measured on the test set; the ``tier`` "thorough" adds what takes minutes a run."""

    importance_samples: Count = 500
    importance_images: Count = 1000
    gallery_images: Count = 8
    generated_images: Count = 5000
    tier: Tier = "default"
    evidence_images: Count = 100
    evidence_temperatures: Count = 500
    augmentation_images: Count = 20


class Geometry(Struct, forbid_unknown_fields=True, frozen=True):
    """How the latent geometry of every trained run is measured.

    ``points`` test codes and prior samples, ``pairs`` of test images. The first of the ``metrics`` of the latent space
    is that of magnification, curvature, lines and geodesics; each further one has geodesics of its own.
    """

    metrics: Annotated[list[str], Meta(min_length=1, extra_json_schema={"examples": [["euclidean"]]})] = field(
        default_factory=lambda: ["euclidean"]
    )
    points: Count = 200
    pairs: Count = 100


class Judging(Struct, forbid_unknown_fields=True, frozen=True):
    """What judges samples: the first seed's, further ones show if rankings hold.

    Without ``epochs`` the library's own judge of a public dataset judges, so that samples are judged alike everywhere;
    where it has none, one is trained for 8.
    """

    epochs: Count | None = None
    seeds: Annotated[list[Seed], Meta(min_length=1, extra_json_schema={"examples": [[0]]})] = field(
        default_factory=lambda: [0]
    )


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
        settings = catalogue.settle(kind, name, given or {})
        for key, value in settings.items():
            for size in value if isinstance(value, tuple) else [value]:
                if isinstance(size, int) and size > LARGEST:
                    what = f"{kind.removesuffix('s')} '{name}'"
                    raise VaebenchError(f"{what}: {key}: {size} is not an integer <= {LARGEST}")
        return cls(name, settings)

    @classmethod
    def labelled(cls, kind: str, label: str, given: Settings | None) -> Choice:
        """What an entry of a configuration chooses: its label, unless it names another file (as ``flavour:``)."""
        given = dict(given or {})
        what = kind.removesuffix("s")
        choice = cls.of(kind, str(given.pop(what, label)), given)
        if label != choice.name and label in catalogue.names(kind):
            raise VaebenchError(f"'{label}' names another {what} than {choice.name}: give {choice.name} another label")
        return choice


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

    def __post_init__(self) -> None:
        """Raises `VaebenchError` for a likelihood that is not of what the convention shows."""
        if self.convention != "none":
            suit(self.likelihood.name, self.convention, "unit")

    @property
    def path(self) -> str:
        """Where the cell's runs lie, below a folder of runs."""
        return f"{self.dataset}/{self.architecture}/{self.flavour}/z{self.latent}"

    @property
    def block(self) -> str:
        """What figures and pages call the cell's dataset, architecture and latent size."""
        return f"{self.dataset}-{self.architecture}-z{self.latent}"

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
    """A published value, its cell, and where ``differences`` put ours; what is left out is the study's."""

    dataset: Name
    architecture: Name
    flavour: str
    latent: Count
    value: Finite
    source: str
    interval: Finite | None = None
    metric: str = "nll"
    differences: str = ""
    expected: Literal["higher", "lower"] | None = None
    hyperparameters: Settings = {}
    convention: Convention | None = None
    likelihood: Likelihood | None = None
    training: Training | None = None
    evaluation: Evaluation | None = None
    gpu: bool = False


class Study(Struct, forbid_unknown_fields=True, frozen=True):
    """A whole configuration file: the product of ``flavours`` and ``latents`` with the rest, and ``published`` rows."""

    datasets: Annotated[dict[Name, Dataset | None], Meta(min_length=1, examples=[{"digits": {}}])]
    flavours: Annotated[dict[Name, Settings | None], Meta(examples=[{"vae": {}, "beta_vae": {"beta": 2}}])] = {}
    latents: Annotated[list[Count], Meta(examples=[[2, 8]])] = []
    architectures: Annotated[dict[Name, Settings | None], Meta(min_length=1, examples=[{"mlp": {}}])] = field(
        default_factory=lambda: {"mlp": None}
    )
    seeds: Annotated[list[Seed], Meta(min_length=1, examples=[[0, 1, 2]])] = field(default_factory=lambda: [0, 1, 2])
    convention: Convention = "dynamic"
    likelihood: Likelihood = Likelihood()
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    geometry: Geometry | None = None
    samplers: Annotated[
        dict[Name, Settings | None], Meta(examples=[{"prior": {}, "gaussian_mixture": {"components": 10}}])
    ] = {}
    judge: Judging = Judging()
    out_of_distribution: Annotated[
        dict[Name, list[Name]], Meta(examples=[{"mnist": ["fashion_mnist"], "fashion_mnist": ["mnist"]}])
    ] = {}
    device: Literal["auto", "cpu", "cuda"] = "auto"
    pack: Count | None = None
    mirror: str | None = None
    published: dict[Name, Published] = {}
    pathvars: Annotated[
        dict[Literal["results", "data", "logs", "benchmarks"], Place], Meta(examples=[{"results": "results/mine"}])
    ] = {}

    @property
    def uses_gpu(self) -> bool:
        """Whether jobs should claim a GPU, found out without torch; a cluster's profile has its own say."""
        return self.device == "cuda" or (self.device == "auto" and Path("/dev/nvidia0").exists())

    def places(self) -> dict[str, Path]:
        """The folders of `PLACES`, as ``pathvars`` say; raises `VaebenchError` for one that Snakemake cannot take."""
        found = given = PLACES | self.pathvars
        for _ in PLACES:
            found = {name: _filled(place, found) for name, place in found.items()}
        for name, place in found.items():
            if wrong := re.search(r"[{}\x00-\x1f\x7f]|<\w*>|^~", place):
                what = f"pathvars.{name}: {repr(given[name])[1:-1]}"
                raise VaebenchError(f"{what}: Snakemake takes no {wrong[0]!r} in a folder: leave it out")
        return {name: Path(place) for name, place in found.items()}

    def chosen(self) -> dict[str, Choice]:
        """The product's flavours by label, in order; ``all`` is every one with its defaults. Raises `VaebenchError`."""
        given = dict(self.flavours)
        if EVERY in given:
            if given.pop(EVERY):
                raise VaebenchError(f"flavours.{EVERY} takes no settings: give them to the flavours by name")
            every = [name for names in catalogue.groups("flavours").values() for name in names]
            given = dict.fromkeys(every) | given
        return {label: Choice.labelled("flavours", label, settings) for label, settings in given.items()}

    def drawing(self) -> dict[str, Choice]:
        """The samplers by label, in order, hyperparameters checked and completed; raises `VaebenchError`."""
        return {label: Choice.labelled("samplers", label, given) for label, given in self.samplers.items()}

    def sources(self) -> dict[str, Dataset]:
        """Its datasets by name: those that models are trained on, and public ones that are foreign to them alone."""
        own = {name: given or Dataset() for name, given in self.datasets.items()}
        return own | {name: Dataset() for inside in own for name in self.foreign(inside) if name not in own}

    def foreign(self, dataset: str) -> list[str]:
        """The datasets that models of a dataset are to tell from it; raises `VaebenchError` for an unknown one."""
        for inside, others in self.out_of_distribution.items():
            among("dataset", inside, self.datasets)
            for name in others:
                among("dataset", name, {**self.datasets, **SOURCES})
            if inside in others:
                raise VaebenchError(f"out_of_distribution.{inside}: it is held against itself: leave it out")
        return self.out_of_distribution.get(dataset, [])

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
            if "flavour" in row.hyperparameters:
                raise VaebenchError(f"published.{label}: give the flavour beside the hyperparameters, not among them")
            cell = Cell(
                dataset=among("dataset", row.dataset, self.datasets),
                architecture=among("architecture", row.architecture, self.architectures),
                flavour=label,
                latent=row.latent,
                network=networks[row.architecture],
                objective=Choice.labelled("flavours", label, row.hyperparameters | {"flavour": row.flavour}),
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


class Asked(Training, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One cell by keywords, as the library and the command line take them; the rest are those of `Training`."""

    flavour: str
    latent: Count
    data: Name = "digits"
    network: str = "mlp"
    likelihood: str = "bernoulli"
    convention: Convention = "dynamic"
    hyperparameters: Settings | None = None
    network_settings: Settings | None = None
    likelihood_settings: Settings | None = None


def suit(likelihood: str, convention: Convention, scale: Scale) -> None:
    """Raise `VaebenchError` if a likelihood is not of what a convention shows of data of a scale."""
    if scale == "real" and convention != "none":
        raise VaebenchError(
            f"convention '{convention}' is for values in [0, 1], these are real: set convention to none"
        )
    shown = "real" if scale == "real" else "grey" if convention == "none" else "bits"

    def fits(name: str) -> bool:
        return shown in (catalogue.attribute("likelihoods", name, "takes") or ("bits", "grey", "real"))

    if not fits(likelihood):
        others = ", ".join(name for name in catalogue.names("likelihoods") if fits(name))
        pixels = f"the black and white pixels of convention '{convention}'" if shown == "bits" else f"{shown} values"
        mend = "set convention to none, or " * (shown == "bits") + f"take one of {others}"
        raise VaebenchError(f"likelihood '{likelihood}' is no distribution of {pixels}: {mend}")


def check(raw: Any, where: str = "config") -> Study:
    """A study from plain data; `VaebenchError` says what is wrong and where."""
    study = converted(raw, Study, where)
    try:
        study.places()
        labels = study.chosen()
        study.drawing()
        study.foreign("")
        for name in study.geometry.metrics if study.geometry else ():
            among("latent metric", name, catalogue.names("latent_metrics"))
        cells = study.cells()
        if not cells and not study.published:
            raise VaebenchError("nothing to train: give flavours and latents")
        if study.device == "cpu" and any(cell.training.precision == "tf32" for cell in cells):
            raise VaebenchError("precision: tf32 is for a GPU, and device is cpu: set precision: float32 or bfloat16")
        if both := set(labels) & set(study.published):
            raise VaebenchError(f"'{both.pop()}' is both in flavours and in published: give one another name")
        for label, row in study.published.items():
            if catalogue.metric_of(row.metric) is None:
                mend = nearest(row.metric, catalogue.names("metrics"))
                raise VaebenchError(f"published.{label}: unknown metric '{row.metric}': {mend}")
    except VaebenchError as error:
        raise VaebenchError(f"{where}: {one_line(error)}") from None
    for name, dataset in study.datasets.items():
        _origin(name, dataset or Dataset(), f"{where}: datasets.{name}")
    metrics = study.geometry.metrics if study.geometry else []
    for name, values in (("latents", study.latents), ("seeds", study.seeds), ("geometry.metrics", metrics)):
        if len(set(values)) < len(values):
            raise VaebenchError(f"{where}: {name} holds a value twice: list each one once")
    return study


def _filled(place: str, places: Mapping[str, str]) -> str:
    return re.sub(r"<(\w+)>", lambda found: places.get(found[1], found[0]), place)


def dataset(name: str, fields: Settings, held: bool = False) -> Dataset:
    """A dataset from its name and the fields of a configuration's entry; raises `VaebenchError`.

    One that is ``held`` in memory comes from nowhere.
    """
    found = converted(fields, Dataset, f"dataset '{converted(name, Name, 'name of a dataset')}'")
    if not held:
        _origin(name, found, "dataset")
    return found


def cell(flavour: str, **settings: Any) -> Cell:
    """One cell from names and settings, the fields of `Asked`. Raises `VaebenchError`."""
    asked = converted({"flavour": flavour} | settings, Asked, "settings")
    training = {name: getattr(asked, name) for name in Training.__struct_fields__}
    try:
        return Cell(
            dataset=asked.data,
            architecture=asked.network,
            flavour=asked.flavour,
            latent=asked.latent,
            network=Choice.of("networks", asked.network, asked.network_settings),
            objective=Choice.of("flavours", asked.flavour, asked.hyperparameters),
            likelihood=Choice.of("likelihoods", asked.likelihood, asked.likelihood_settings),
            convention=asked.convention,
            training=Training(**training),
        )
    except VaebenchError as error:
        raise VaebenchError(f"settings: {one_line(error)}") from None


def read(path: str | Path) -> Study:
    """A study from a YAML file; raises `VaebenchError`."""
    return check(plain(path), str(path))


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
        raise VaebenchError(f"{where}: {one_line(error)}") from None


def converted(raw: Any, kind: Any, where: str) -> Any:
    """Plain data as what they are to be; `VaebenchError` says what does not fit."""
    try:
        return msgspec.convert(raw, kind)
    except (msgspec.ValidationError, RecursionError):
        raise VaebenchError(f"{where}: {faults.explain(raw, kind)}") from None
