"""Rows of numbers laid out for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vaebench.report.tables.entry import Entry, number
from vaebench.study.naming import CONTROLS
from vaebench.study.tidy import BLOCK, CELL

FIELDS = ("mean", "low", "high", "bracketed", "bold", "remark")  # of a row, beside its cell, part and metric


def wide(
    rows: pd.DataFrame, metrics: Sequence[str], families: Mapping[str, str], *, signed: bool = False
) -> pd.DataFrame:
    """A row per cell, a column per metric and part of it, an `Entry` in each place, from rows with `FIELDS`.

    Cells are grouped by dataset, architecture and latent size; within such a block flavours are in the order of
    ``families`` (the family of each), but controls last.
    """
    rows = rows[rows["metric"].isin(metrics)]
    fields = zip(*(rows[name] for name in FIELDS), strict=True)
    entries = pd.Series([_entry(*values, signed=signed) for values in fields], rows.index, dtype=object)
    table = rows.assign(entry=entries).pivot(index=CELL, columns=["metric", "part"], values="entry")
    table = table[sorted(table.columns, key=lambda column: (list(metrics).index(column[0]), column[1]))]
    order = sorted(families, key=lambda flavour: families[flavour] == CONTROLS)
    place = [order.index(flavour) for flavour in table.index.get_level_values("flavour")]
    block = [table.index.get_level_values(level) for level in reversed(BLOCK)]
    table = table.iloc[np.lexsort([place, *block])]
    return table.map(lambda entry: entry if isinstance(entry, Entry) else Entry(remark="not measured"))


def _entry(mean: float, low: float, high: float, bracketed: bool, bold: bool, remark: str, *, signed: bool) -> Entry:
    if np.isnan(mean):
        return Entry(remark=remark or "no value")
    return Entry(number(mean, low, high, bracketed=bracketed, signed=signed), bold, remark)
