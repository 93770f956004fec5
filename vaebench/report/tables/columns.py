"""What tables there are, and what their columns are called. Nothing here imports pandas or torch."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from vaebench.study import catalogue
from vaebench.study.naming import metric_name


@dataclass(frozen=True)
class Quantity:
    """What a column holds: its unit, and which of its values are ``better`` (``higher``, ``lower`` or None)."""

    unit: str = ""
    better: str | None = None


COMPUTE = {
    "wall_seconds": Quantity(),
    "samples_per_second": Quantity(),
    "peak_memory": Quantity("MiB"),
    "parameters": Quantity(),
    "epochs": Quantity(),
    "best_epoch": Quantity(),
    "diverged": Quantity(),
}
AGREEMENT = {
    "kendall_w": Quantity(better="higher"),
    "mean_spearman": Quantity(better="higher"),
    "variation": Quantity(better="lower"),
    "scale_free_variation": Quantity(better="lower"),
    "variation_t": Quantity(),
    "variation_p": Quantity(),
}
QUANTITIES = {"compute": COMPUTE, "agreement": AGREEMENT}  # of runs and of cells: no metrics, but shown like them


def tables(geometry: bool) -> list[str]:
    """Names of the tables of a study: the groups of metrics and `QUANTITIES`; some only if it measures ``geometry``."""
    names = [*catalogue.groups("metrics"), *QUANTITIES]
    return [name for name in names if geometry or not (of_geometry(name) or name == "agreement")]


def of_geometry(table: str) -> bool:
    """Whether a table shows metrics of the latent geometry."""
    return table not in QUANTITIES and catalogue.constant("metrics", table, "SUBJECT") == "survey"


def members(table: str) -> list[str]:
    """What a table shows, in its order: the metrics of its group that are shown, or its `QUANTITIES`."""
    if table in QUANTITIES:
        return list(QUANTITIES[table])
    return [
        name for name in catalogue.names("metrics", table) if catalogue.declared("metrics", name).get("shown", True)
    ]


@functools.cache
def quantity(name: str) -> Quantity:
    """What the numbers of a name are; ``kl_per_dimension_3`` is one of ``kl_per_dimension``. Raises `VaebenchError`."""
    for quantities in QUANTITIES.values():
        if name in quantities:
            return quantities[name]
    known = name in catalogue.names("metrics")
    declared = catalogue.declared("metrics", name if known else re.sub(r"_\d+$", "", name))
    return Quantity(declared["unit"], declared["better"])


def heading(name: str, part: str = "") -> str:
    """Name, part, unit and better direction: "ELBO (nats) ↑". Raises `VaebenchError` for an unknown name."""
    shown, what = quantity(name), metric_name(name)
    part = f" ({part})" if part else ""
    unit = f" ({shown.unit})" if shown.unit and shown.unit not in what else ""
    return what + part + unit + {"higher": " ↑", "lower": " ↓", None: ""}[shown.better]
