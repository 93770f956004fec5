"""Which flavour is best at a metric, and is it told from the others: the statistic ``best``, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from vaebench.errors import among
from vaebench.report.statistics._page import KEY, metric
from vaebench.report.statistics.best import CAVEAT, verdict
from vaebench.report.tables.entry import MISSING, number
from vaebench.study.naming import CONTROLS, readable
from vaebench.study.tidy import BLOCK

STANDINGS = {
    "best": "the best mean",
    "tied": "not told from the best",
    "worse": "told from the best",
    "untold": "no interval",
    "control": "",
    "missing": "no value",
}


def leaderboard(rows: pd.DataFrame, place: Mapping[str, str | int | None]) -> str:
    """A paragraph for each block and part: a line per flavour, the best first, and what follows from them.

    ``rows`` are those of a metric in the statistic ``best``, ``place`` narrows blocks and parts by their columns, None
    not at all. Raises `VaebenchError` for a place that is not there.
    """
    for column, chosen in place.items():
        if chosen is not None:
            among(column, str(chosen), sorted(rows[column].astype(str).unique()))
            rows = rows[rows[column].astype(str) == str(chosen)]
    paragraphs = ["\n".join(_lines(key, found)) for key, found in rows.groupby([*BLOCK, *KEY], sort=False)]
    return "\n\n".join([*paragraphs, f"{CAVEAT}."])


def _lines(key: tuple, rows: pd.DataFrame) -> Iterator[str]:
    dataset, architecture, latent, conditions, part, name = key
    given = rows[rows["n"] > 0]
    seeds, images = int(given["n"].max()) if len(given) else 0, int(rows["images"].max())
    sizes = f"{seeds} seed{'s' * (seeds != 1)}" + f", {images} test images" * bool(images)
    where = f"{readable(dataset)}, {readable(architecture)}, {latent} latents"
    yield f"{metric(part, name)}: {where}; {conditions}; {sizes}"
    lines = [_line(row) for row in rows[rows["standing"] != "missing"].itertuples()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        sides = (str.rjust, str.ljust, str.rjust, str.rjust, str.ljust)
        cells = [side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)]
        yield "  ".join(cells).rstrip()
    missing = rows[rows["standing"] == "missing"]
    for reason, found in missing.groupby("reason", sort=True):
        yield f"No value: {', '.join(map(readable, found['flavour']))} ({reason or 'no reason given'})"
    yield verdict(rows)


def _line(row: Any) -> tuple[str, ...]:
    control = row.standing == "control"
    rank = "" if control else f"{int(row.rank)}"
    difference = "" if control else number(row.difference, row.low, row.high, bracketed=True, signed=True)
    mean = number(row.mean) if np.isfinite(row.mean) else MISSING
    return rank, readable(row.flavour, CONTROLS if control else ""), mean, difference, STANDINGS[row.standing]
