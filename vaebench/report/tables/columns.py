"""What tables there are, and what their columns are called. Nothing here imports pandas or torch."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from vaebench.study import catalogue
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
    "samples_per_second": Quantity(least=0),
    "peak_memory": Quantity("MiB", least=0),
    "parameters": Quantity(least=0),
    "epochs": Quantity(least=0),
    "best_epoch": Quantity(least=0),
}
AGREEMENT = {
    "kendall_w": Quantity(better="higher"),
    "variation": Quantity(better="lower"),
    "scale_free_variation": Quantity(better="lower"),
    "variation_p": Quantity(),
}
QUANTITIES = {"compute": COMPUTE, "agreement": AGREEMENT}  # shown of runs and of cells, like metrics
REFERENCE = "vae"  # the flavour that the others of a block are held against


def tables(geometry: bool, differences: bool) -> list[str]:
    """Names of the tables of a study: the groups of metrics, the ``differences`` to the reference if it has one, and
    `QUANTITIES`; some only if it measures ``geometry``.
    """
    names = [*catalogue.groups("metrics"), *["differences"] * differences, *QUANTITIES]
    return [name for name in names if geometry or not (of_geometry(name) or name == "agreement")]


def of_geometry(table: str) -> bool:
    """Whether a table shows metrics of the latent geometry."""
    return table in catalogue.groups("metrics") and catalogue.constant("metrics", table, "SUBJECT") == "survey"


def members(table: str) -> list[str]:
    """What a table may show, in its order: the metrics of its group that are shown, or its `QUANTITIES`.

    Differences are of all metrics with a better direction.
    """
    if table in QUANTITIES:
        return list(QUANTITIES[table])
    groups = list(catalogue.groups("metrics")) if table == "differences" else [table]
    names = [name for group in groups for name in catalogue.names("metrics", group)]
    names = [name for name in names if catalogue.declared("metrics", name).get("shown", True)]
    return [name for name in names if table != "differences" or quantity(name).better]


@functools.cache
def quantity(name: str) -> Quantity:
    """What the numbers of a name are; ``kl_per_dimension_3`` is one of ``kl_per_dimension``. Raises `VaebenchError`."""
    for quantities in QUANTITIES.values():
        if name in quantities:
            return quantities[name]
    known = name in catalogue.names("metrics")
    declared = catalogue.declared("metrics", name if known else re.sub(r"_\d+$", "", name))
    return Quantity(**{key: value for key, value in declared.items() if key in Quantity.__dataclass_fields__})


def heading(name: str, part: str = "") -> str:
    """Name, part, unit and better direction: "ELBO (nats) ↑". Raises `VaebenchError` for an unknown name."""
    shown, what = quantity(name), metric_name(name)
    part = f" ({part})" if part else ""
    unit = f" ({shown.unit})" if shown.unit and shown.unit not in what else ""
    return what + part + unit + {"higher": " ↑", "lower": " ↓", None: ""}[shown.better]
