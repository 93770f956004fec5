"""Which views of a run a study's metrics are given, and which metrics those are. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Collection

from vaebench.data.sources import FACTORED
from vaebench.study import catalogue
from vaebench.study.config import Study, Tier

OVER_SAMPLERS = ("samples", "augmentation", "ex_post")  # measured for each sampler
ALWAYS = ("model", "representation")


def of(table: str) -> str:
    """The view that the metrics of a table are given."""
    return catalogue.constant("metrics", table, "SUBJECT") or "model"


def measured(study: Study) -> list[str]:
    """The views of a study."""
    asked = {"survey": bool(study.geometry), "foreign": bool(study.out_of_distribution), "seeds": len(study.seeds) > 1}
    asked["factors"] = any(name in FACTORED and not (given and given.path) for name, given in study.datasets.items())
    asked |= dict.fromkeys(OVER_SAMPLERS, bool(study.samplers))
    return [*ALWAYS, *(view for view, needed in asked.items() if needed)]


def tables(views: Collection[str], tier: Tier) -> list[str]:
    """Names of the tables that have metrics of a tier which are given these views."""
    return [table for table in catalogue.groups("metrics") if of(table) in views and _of_tier(table, tier)]


def metrics(views: Collection[str], tier: Tier) -> dict[str, list[str]]:
    """Names of the metrics of a tier by the view that they are given: "thorough" is all, "default" the cheap ones."""
    found: dict[str, list[str]] = {}
    for table in tables(views, tier):
        found.setdefault(of(table), []).extend(_of_tier(table, tier))
    return found


def _of_tier(table: str, tier: Tier) -> list[str]:
    names = catalogue.names("metrics", table)
    return [name for name in names if catalogue.declared("metrics", name).get("tier", "default") in ("default", tier)]
