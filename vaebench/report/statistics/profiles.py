"""Performance profiles: the share of a flavour's runs whose score is above a threshold, mean over blocks.

Dolan and More 2002, https://doi.org/10.1007/s101070100263; of runs, Agarwal et al. 2021,
https://arxiv.org/abs/2108.13264.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from vaebench.report.statistics._page import KEY, conditions, leaders, page_of_numbers, sizes
from vaebench.report.statistics._runs import HOW, SCALE, alike, ends, given, runs, weights

INPUTS = ("metrics",)
THRESHOLDS = np.arange(-8, 9) / 8
COLUMNS = [*KEY, "flavour", "tau", "share", "low", "high", "blocks", "runs"]


def profiles(metrics: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`, one for each flavour with a score and each of `THRESHOLDS` ``tau``."""
    rows = []
    for found in runs(metrics):
        scores, _ = found.scores()
        for place, flavour in enumerate(found.flavours):
            blocks = given(scores[:, place])
            counts = tuple(map(len, blocks))
            if counts:
                above = np.concatenate(blocks)[:, None] > THRESHOLDS
                each = alike(counts)
                drawn = (each * weights(counts)) @ above / sum(counts)
                for tau, share, draws in zip(THRESHOLDS, each @ above / sum(counts), drawn.T, strict=True):
                    low, high = np.clip(ends(share, draws, *counts), 0, 1)
                    rows.append((*found.key, flavour, tau, share, low, high, len(counts), sum(counts)))
    return pd.DataFrame(rows, columns=COLUMNS)


def markdown(table: pd.DataFrame) -> str:
    """A row per number: who is above the median flavour, and half way to the best, in most runs."""
    headings = ("share above 0", "share above 0.5", "flavours", "blocks", "runs of a flavour")
    rows = []
    for (_, part, name), found in table.groupby(KEY, sort=False):
        most = [leaders(found[found["tau"] == tau], "share", count=1)[0] for tau in (0, 0.5)]
        counts = [f"{found['flavour'].nunique()}", *sizes(found["blocks"], found["runs"])]
        rows.append((part, name, [*most, *counts]))
    notes = [
        f"The greatest share of a flavour's runs with a score above 0 and 0.5, mean over blocks. {SCALE}.",
        f"Intervals: {HOW}.",
        conditions(table),
    ]
    return page_of_numbers(headings, rows, notes, "--rrr")
