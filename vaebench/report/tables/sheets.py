"""A table's sheets: one for each part of it and each block, the first part's blocks first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from vaebench.report.tables.parts import parts
from vaebench.study.tidy import BLOCK


class Sheet(NamedTuple):
    """What a ``part`` of a table ("" if it is whole) says of a ``block`` (dataset, architecture, latent size).

    ``entries`` have a row for each flavour (and what the table has rows for beside it), a column for each number.
    """

    part: str
    block: tuple[Any, ...]
    entries: pd.DataFrame


def sheets(table: str, entries: pd.DataFrame) -> Iterator[Sheet]:
    """Those of a table's `wide` entries."""
    for part, columns in parts(table, entries.columns.tolist()).items():
        yield from blocks(part, entries[columns])


def blocks(part: str, entries: pd.DataFrame) -> Iterator[Sheet]:
    """Those of one part of a table."""
    for block, rows in entries.groupby(level=BLOCK, sort=False):
        yield Sheet(part, block, rows.droplevel(BLOCK))
