"""Which numbers figures of statistics show: of a metric, and of what it is a number of (a sampler), one."""

from __future__ import annotations

import pandas as pd

from vaebench.report.tables.columns import heading, metric_of, named, over
from vaebench.study import catalogue

HEADLINES = ("nll", "ssim", "frechet_distance", "neighbour_probe")
SAMPLER = "prior"
Number = tuple[str, str]  # part and metric


def of_most(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the conditions that most rows have: flavours of others do not compare."""
    return table[table["conditions"] == table["conditions"].mode().iloc[0]] if len(table) else table


def numbers(table: pd.DataFrame) -> list[Number]:
    """All but those of foreign data; of samplers the prior's, or the first one's. Ordered by the metrics' folders."""
    groups = catalogue.groups("metrics")
    place = {metric: i for i, metrics in enumerate(groups.values()) for metric in metrics}
    table = table[["part", "metric"]].drop_duplicates()
    table = table[table["metric"].map(lambda metric: over(_group(metric)) != "Against").astype(bool)]
    table = table.assign(other=table["part"] != SAMPLER, group=table["metric"].map(lambda m: place[metric_of(m)]))
    table = table.sort_values(["group", "metric", "other", "part"]).drop_duplicates("metric")
    return [*zip(table["part"], table["metric"], strict=True)]


def headlines(table: pd.DataFrame) -> list[Number]:
    """Those of `HEADLINES`; of a table without any, its first four."""
    found = numbers(table)
    chosen = [number for metric in HEADLINES for number in found if number[1] == metric]
    return chosen or found[:4]


def rows(table: pd.DataFrame, number: Number) -> pd.DataFrame:
    """The rows of one number."""
    return table[(table["part"] == number[0]) & (table["metric"] == number[1])]


def title(number: Number) -> str:
    """With unit and direction."""
    part, metric = number
    return heading(metric, part.replace("_", " "))


def short(number: Number) -> str:
    """Without them."""
    part, metric = number
    return named(metric) + (f" ({part.replace('_', ' ')})" if part else "")


def _group(metric: str) -> str:
    name = metric_of(metric)
    return catalogue.group_of("metrics", name) if name in catalogue.names("metrics") else ""
