"""A summary laid out for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vaebench.report.tables.columns import quantity
from vaebench.report.tables.entry import Entry, number
from vaebench.study.naming import CONTROLS
from vaebench.study.tidy import BLOCK, CELL


def wide(summary: pd.DataFrame, metrics: Sequence[str], families: Mapping[str, str]) -> pd.DataFrame:
    """Rows of a summary with a row per cell, a column per metric and part of it, an `Entry` in each place.

    Rows are grouped by dataset, architecture and latent size; within such a block flavours are in the order of
    ``families`` (the family of each), but controls last, and the best mean of a metric is marked, controls aside.
    """
    rows = summary[summary["metric"].isin(metrics)]
    fields = [rows[name] for name in ("mean", "low", "high", "reason")]
    entries = [_entry(*row) for row in zip(*fields, _best(rows, families), strict=True)]
    rows = rows.assign(entry=pd.Series(entries, rows.index, dtype=object))
    table = rows.pivot(index=CELL, columns=["metric", "part"], values="entry")
    table = table[sorted(table.columns, key=lambda column: (list(metrics).index(column[0]), column[1]))]
    order = sorted(families, key=lambda flavour: families[flavour] == CONTROLS)
    place = [order.index(flavour) for flavour in table.index.get_level_values("flavour")]
    block = [table.index.get_level_values(level) for level in reversed(BLOCK)]
    table = table.iloc[np.lexsort([place, *block])]
    return table.map(lambda entry: entry if isinstance(entry, Entry) else Entry(reason="not measured"))


def _best(rows: pd.DataFrame, families: Mapping[str, str]) -> pd.Series:
    """Which rows hold the best mean of their block and column."""
    sign = rows["metric"].map(lambda name: {"higher": 1.0, "lower": -1.0, None: np.nan}[quantity(name).better])
    score = (sign * rows["mean"]).mask(rows["flavour"].map(families) == CONTROLS)
    return score == score.groupby([rows[key] for key in [*BLOCK, "metric", "part"]]).transform("max")


def _entry(mean: float, low: float, high: float, reason: str, best: bool) -> Entry:
    if np.isnan(mean):
        return Entry(reason=reason or "no value")
    return Entry(number(mean, (high - low) / 2), bool(best))
