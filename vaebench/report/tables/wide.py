"""Rows of numbers laid out for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vaebench.report.tables import columns
from vaebench.report.tables.entry import Entry, number
from vaebench.study.naming import CONTROLS
from vaebench.study.tidy import BLOCK, CELL

FIELDS = ("mean", "low", "high", "bracketed", "bold", "remark", "below")  # of a row, beside its cell, part and metric


def wide(
    rows: pd.DataFrame,
    metrics: Sequence[str],
    families: Mapping[str, str],
    *,
    signed: bool = False,
    over: str = "",
) -> pd.DataFrame:
    """A row per cell, a column per metric and part of it, an `Entry` in each place, from rows with `FIELDS`.

    With ``over`` there is a row for each value of that column.

    Cells are grouped by dataset, architecture and latent size; within such a block flavours are in the order of
    ``families`` (the family of each), but controls last.
    """
    rows = rows[rows["metric"].map(columns.metric_of).isin(metrics)]
    fields = zip(*(rows[name] for name in FIELDS), strict=True)
    entries = pd.Series([_entry(*values, signed=signed) for values in fields], rows.index, dtype=object)
    index = [*CELL, over] if over else CELL
    table = rows.assign(entry=entries).pivot(index=index, columns=["metric", "part"], values="entry")
    table = table[columns.ordered(table.columns, metrics)]
    order = sorted(families, key=lambda flavour: families[flavour] == CONTROLS)
    place = [order.index(flavour) for flavour in table.index.get_level_values("flavour")]
    block = [table.index.get_level_values(level) for level in reversed(BLOCK)]
    first = sorted(rows[over].unique(), key=columns.place) if over else []
    within = [[first.index(label) for label in table.index.get_level_values(over)]] if over else []
    table = table.iloc[np.lexsort([*within, place, *block])]
    return table.map(lambda entry: entry if isinstance(entry, Entry) else Entry(remark="not measured"))


def _entry(
    mean: float, low: float, high: float, bracketed: bool, bold: bool, remark: str, below: bool, *, signed: bool
) -> Entry:
    if np.isnan(mean):
        return Entry(remark=remark or "no value")
    return Entry(number(mean, low, high, bracketed=bracketed, signed=signed), bold, remark, bool(below), float(mean))
