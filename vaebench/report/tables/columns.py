"""What tables there are, and what their columns are called. Nothing here imports pandas or torch."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from vaebench.study import catalogue
from vaebench.study import views as measured
from vaebench.study.config import Choice, Study, Tier
from vaebench.study.naming import metric_name


@dataclass(frozen=True)
class Quantity:
    """What a column holds: its unit, which of its values are ``better`` (``higher``, ``lower`` or None), its bounds."""

    unit: str = ""
    better: str | None = None
    least: float = float("-inf")
    most: float = float("inf")


COMPUTE = {
    "wall_seconds": Quantity(least=0),
    "seconds_per_epoch": Quantity(least=0),
    "seconds_to_best": Quantity(least=0),
    "samples_per_second": Quantity(least=0),
    "peak_memory": Quantity("MiB", least=0),
    "parameters": Quantity(least=0),
    "epochs": Quantity(least=0),
    "best_epoch": Quantity(least=0),
}
AGREEMENT = {
    "mean_spearman": Quantity(better="higher"),
    "reliability": Quantity(better="higher"),
    "scale_free_variation": Quantity(better="lower"),
    "corrected_p": Quantity(),
}
QUANTITIES = {"compute": COMPUTE, "agreement": AGREEMENT}  # shown of runs and of cells, like metrics
TITLES = {
    "differences": "Differences from the reference",
    "compute": "What runs cost",
    "agreement": "How far seeds agree on distances",
}
CONCORDANCE = ("concordance of distances", "concordance of baselines", "what curves add to the concordance of ends")
AGREED = {
    "reliability": "reliability of distances",
    "scale_free_variation": "variation of distances",
    "corrected_p": "variation of distances",
}
BASELINES = ("pixel", "untrained", "shuffled")  # distances that owe nothing to what a model has learnt of the images
FIRST = ("test", "prior", "best", "latent", "mahalanobis", "ends", "line", "geodesic")  # parts of one metric


def reference() -> Choice:
    """The flavour that the others of a block are held against: a VAE with its default hyperparameters."""
    return Choice.of("flavours", "vae")


def tables(views: Collection[str], tier: Tier, differences: bool) -> list[str]:
    """Names of the tables of a study: the groups of metrics of its ``views`` (`vaebench.study.views`) and of its
    ``tier``, the ``differences`` to the reference if it has one, and `QUANTITIES`.
    """
    names = [*measured.tables(views, tier), *["differences"] * differences, *QUANTITIES]
    return [name for name in names if "survey" in views or name != "agreement"]


def of_study(study: Study) -> list[str]:
    """Names of the tables of a study, which has `differences` if it has the reference and other flavours."""
    wanted = reference()
    kinds = {cell.objective == wanted for cell in study.cells()}
    return tables(measured.measured(study), study.evaluation.tier, differences=kinds == {True, False})


def of_geometry(table: str) -> bool:
    """Whether a table shows metrics of the latent geometry."""
    return table in catalogue.groups("metrics") and measured.of(table) == "survey"


def over(table: str) -> str:
    """What a table has a row for of each cell, beside the cell: "Sampler", "Against" or nothing."""
    view = measured.of(table) if table in catalogue.groups("metrics") else ""
    return "Sampler" if view in measured.OVER_SAMPLERS else "Against" if view == "foreign" else ""


def title(table: str) -> str:
    """What a table says: "Likelihood: how probable test images are"."""
    said = TITLES.get(table) or catalogue.title("metrics", table)
    return said if table in TITLES else f"{metric_name(table).capitalize()}: {said[0].lower()}{said[1:]}"


def source(table: str) -> str:
    """The tidy table that holds the numbers of a table."""
    return f"{table}.csv" if table in ("differences", *QUANTITIES) else "summary.csv"


def members(table: str) -> list[str]:
    """What a table may show, in its order: the metrics of its group that are shown, or its `QUANTITIES`.

    Metrics that the ``PARTS`` of their folder name stand in their order, the others behind them. Differences are of all
    metrics with a better direction.
    """
    if table in QUANTITIES:
        return list(QUANTITIES[table])
    groups = list(catalogue.groups("metrics")) if table == "differences" else [table]
    names = [name for group in groups for name in _ordered(group)]
    names = [name for name in names if catalogue.declared("metrics", name).get("shown", True)]
    return [name for name in names if table != "differences" or quantity(name).better]


def shown(numbers: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Numbers, each a name and a part, by the table that has a column for them, in the order of tables and columns."""
    given = [*numbers]
    found = {table: ordered(given, members(table)) for table in [*catalogue.groups("metrics"), *QUANTITIES]}
    return {table: of for table, of in found.items() if of}


def ordered(numbers: Iterable[tuple[str, str]], metrics: Iterable[str]) -> list[tuple[str, str]]:
    """Those numbers, each a name and a part, that are of the ``metrics``, in the order of these."""
    order = {metric: at for at, metric in enumerate(metrics)}
    found = [(order[metric_of(name)], name, place(part)) for name, part in numbers if metric_of(name) in order]
    return [(name, part) for _, name, (_, part) in sorted(found)]


def _ordered(group: str) -> list[str]:
    named_first = [name for names in _parts(group).values() for name in names]
    return sorted(catalogue.names("metrics", group), key=lambda name: (*named_first, name).index(name))


@functools.cache
def _parts(group: str) -> dict[str, tuple[str, ...]]:
    """What the metrics of a group ask, and which of them asks it, where their folder says so."""
    return catalogue.constant("metrics", group, "PARTS") or {}


def headline(table: str) -> tuple[str, ...]:
    """The metrics that the prior and the best sampler are held against each other in; the first says which is best."""
    return (over(table) == "Sampler" and catalogue.constant("metrics", table, "HEADLINE")) or ()


def asked(table: str, name: str, part: str) -> str:
    """What a column of a table answers, so that columns of one answer stand together; "" if nothing says so."""
    if table == "agreement":
        kind = CONCORDANCE[2 if " - " in part else int(part in BASELINES)]
        return AGREED.get(name, kind)
    if table in QUANTITIES:
        return ""
    if table == "differences":
        return catalogue.title("metrics", catalogue.group_of("metrics", metric_of(name)))
    return next((question for question, names in _parts(table).items() if metric_of(name) in names), "")


def place(part: str) -> tuple[int, str]:
    """Where a part stands among those of one metric: "test" before "prior", `BASELINES` last."""
    order, first = (*FIRST, "", *BASELINES), part.partition(" ")[0]
    return order.index(first if first in order else ""), part


@functools.cache
def metric_of(name: str) -> str:
    """The metric, or one of `QUANTITIES`, whose numbers have this name."""
    return catalogue.metric_of(name) or name


@functools.cache
def named(name: str) -> str:
    """What the numbers of a name are called: as their metric says, or by its words."""
    metric = catalogue.metric_of(name)
    if metric is None or not (called := catalogue.declared("metrics", metric).get("called")):
        return metric_name(name)
    return f"{called} {metric_name(name.removeprefix(metric)).strip()}".strip()


@functools.cache
def quantity(name: str) -> Quantity:
    """What the numbers of a name are; ``kl_per_dimension_3`` is one of ``kl_per_dimension``. Raises `VaebenchError`."""
    for quantities in QUANTITIES.values():
        if name in quantities:
            return quantities[name]
    declared = catalogue.declared("metrics", metric_of(name))
    return Quantity(**{key: value for key, value in declared.items() if key in Quantity.__dataclass_fields__})


def heading(name: str, part: str = "") -> str:
    """Name, part, unit and better direction: "ELBO (nats) ↑". Raises `VaebenchError` for an unknown name."""
    shown, what = quantity(name), named(name)
    part = f" ({part})" if part else ""
    unit = f" ({shown.unit})" if shown.unit and shown.unit not in what else ""
    return what + part + unit + {"higher": " ↑", "lower": " ↓", None: ""}[shown.better]
