"""Rows of numbers laid out for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from vaebench.report.tables.columns import metric_of
from vaebench.report.tables.entry import Entry, number
from vaebench.study.naming import CONTROLS
from vaebench.study.tidy import BLOCK, CELL

FIELDS = ("mean", "low", "high", "bracketed", "bold", "remark")  # of a row, beside its cell, part and metric


def wide(
    rows: pd.DataFrame,
    metrics: Sequence[str],
    families: Mapping[str, str],
    *,
    signed: bool = False,
    over: str = "",
) -> pd.DataFrame:
    """A row per cell, a column per metric and part of it, an `Entry` in each place, from rows with `FIELDS`.

    With ``over`` there is a row for each part, which the index names so.

    Cells are grouped by dataset, architecture and latent size; within such a block flavours are in the order of
    ``families`` (the family of each), but controls last.
    """
    rows = rows[rows["metric"].map(metric_of).isin(metrics)]
    fields = zip(*(rows[name] for name in FIELDS), strict=True)
    entries = pd.Series([_entry(*values, signed=signed) for values in fields], rows.index, dtype=object)
    rows = rows.assign(entry=entries, **({over: rows["part"], "part": ""} if over else {}))
    index = [*CELL, over] if over else CELL
    table = rows.pivot(index=index, columns=["metric", "part"], values="entry")
    ranks = {column: list(metrics).index(metric_of(column[0])) for column in table.columns}
    table = table[sorted(table.columns, key=lambda column: (ranks[column], *column))]
    order = sorted(families, key=lambda flavour: families[flavour] == CONTROLS)
    place = [order.index(flavour) for flavour in table.index.get_level_values("flavour")]
    block = [table.index.get_level_values(level) for level in reversed(BLOCK)]
    first = [rows[over].unique().tolist().index(part) for part in table.index.get_level_values(over)] if over else []
    table = table.iloc[np.lexsort([*[first] * bool(over), place, *block])]
    return table.map(lambda entry: entry if isinstance(entry, Entry) else Entry(remark="not measured"))


def _entry(mean: float, low: float, high: float, bracketed: bool, bold: bool, remark: str, *, signed: bool) -> Entry:
    if np.isnan(mean):
        return Entry(remark=remark or "no value")
    return Entry(number(mean, low, high, bracketed=bracketed, signed=signed), bold, remark)
