"""Tidy tables: the columns that say which run, and which part of it, a value belongs to, and rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

Rows = list[dict[str, Any]]

CELL = ["dataset", "architecture", "flavour", "latent"]
RUN = [*CELL, "seed"]
BLOCK = ["dataset", "architecture", "latent"]  # flavours of one block are compared with each other
METRICS = [*RUN, "part", "metric", "value", "error", "reason"]
HISTORY = ["epoch", "split", "term", "value"]
DISTANCES = [*RUN, "pair", "distance", "value", "reason"]
INTEGERS = ("latent", "seed", "seeds", "epoch", "pair")


def text(rows: Iterable[dict[str, Any]], columns: Sequence[str], *, heading: bool = True) -> str:
    """Rows as CSV: floats to the last bit, None as nothing."""
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    if heading:
        writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
