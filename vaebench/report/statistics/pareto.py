"""What quality costs: the flavours of which no other is better and no dearer, by seconds of training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from vaebench.report.statistics._page import KEY, conditions, page_of_numbers
from vaebench.report.summary import summarise, whole
from vaebench.study.naming import readable
from vaebench.study.tidy import BLOCK, CELL

INPUTS = ("summary", "compute")
COST = "wall_seconds"
COLUMNS = [*BLOCK, *KEY, "flavour", "value", "seconds", "front", "dominated_by"]


def pareto(summary: pd.DataFrame, compute: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`, the cheapest of a block first: means over seeds of a number and of `COST`.

    ``front`` is 1 for a flavour that none dominates (is no worse and no dearer, and not equal in both), else 0;
    ``dominated_by`` is then the best one of the front that does. Runs that diverged do not count.
    """
    costs = summarise(whole(compute[compute["metric"].isin([COST, "diverged"])]))
    costs = costs.loc[costs["metric"] == COST, [*CELL, "mean"]].rename(columns={"mean": "seconds"})
    rows = summary[~summary["control"] & np.isfinite(summary["mean"])].merge(costs.dropna(), on=CELL)
    rows = rows.assign(score=rows["mean"] * rows["sign"])
    found = [(*key, *row) for key, given in rows.groupby([*BLOCK, *KEY]) for row in _of(given)]
    return pd.DataFrame(found, columns=COLUMNS)


def _of(rows: pd.DataFrame) -> Iterator[tuple]:
    rows = rows.sort_values(["seconds", "score", "flavour"], ascending=[True, False, True])
    best, at, leader = -np.inf, np.nan, ""
    for row in rows.itertuples():
        equal = row.score == best and row.seconds == at
        front = row.score > best or equal
        yield row.flavour, row.mean, row.seconds, int(front), "" if front else leader
        if row.score > best:
            best, at, leader = row.score, row.seconds, row.flavour


def markdown(table: pd.DataFrame) -> str:
    """A row per block and number: the front, the cheapest flavour first."""
    lines = []
    for (dataset, architecture, latent, _, part, name), found in table.groupby([*BLOCK, *KEY], sort=False):
        front = found[found["front"] == 1]
        shown = [
            f"{readable(row.flavour)} ({row.seconds:.3g} s, {row.value:.4g})" for row in front.itertuples(index=False)
        ]
        place = [readable(dataset), readable(architecture), f"{latent}"]
        lines.append((part, name, [*place, ", ".join(shown), f"{len(front)} of {len(found)}"]))
    notes = [
        "Flavours of which no other is better and no dearer (mean seconds of training a run, and the metric, over "
        "seeds), the cheapest first. Seconds are those of this study's machines, with as many seeds side by side as it "
        "packed; differences within a few per cent are noise.",
        conditions(table),
    ]
    return page_of_numbers(("dataset", "architecture", "latent", "front", "flavours"), lines, notes, "--r-r")
