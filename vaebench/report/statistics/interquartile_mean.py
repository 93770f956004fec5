"""Interquartile mean of each flavour's scores over blocks and seeds: half of the runs, neither best nor worst. Blocks
count alike, however many seeds they have.

Agarwal et al. 2021, https://arxiv.org/abs/2108.13264.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from vaebench.report.statistics._page import KEY, conditions, leaders, page_of_numbers, reasons, sizes
from vaebench.report.statistics._runs import HOW, SCALE, Array, alike, ends, few, given, runs, weights

INPUTS = ("metrics",)
COLUMNS = [*KEY, "flavour", "blocks", "runs", "score", "low", "high", "reason"]


def interquartile_mean(metrics: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`: of one flavour and number each; ``blocks`` and ``runs`` are those with a score."""
    rows = []
    for found in runs(metrics):
        scores, reason = found.scores()
        for place, flavour in enumerate(found.flavours):
            blocks = given(scores[:, place])
            counts = tuple(map(len, blocks))
            if not blocks:
                rows.append((*found.key, flavour, 0, 0, np.nan, np.nan, np.nan, reason or "no run has a value"))
                continue
            values = np.concatenate(blocks)
            share = alike(counts)
            score = float(middle(values, share[None])[0])
            low, high = ends(score, middle(values, share * weights(counts)), *counts)
            rows.append((*found.key, flavour, len(counts), len(values), score, low, high, few(counts)))
    return pd.DataFrame(rows, columns=COLUMNS)


def middle(values: Array, counts: Array) -> Array:
    """Mean of what lies between the quarters of values (n,) that are counted so often (draws, n), (draws,).

    A value at a quarter counts in part, so that half of the weight is always taken.
    """
    order = np.argsort(values, kind="stable")
    ordered, above = values[order], np.cumsum(counts[:, order], 1)
    total = above[:, -1:]
    taken = np.clip(above, total / 4, 3 * total / 4)
    share = np.diff(taken, axis=1, prepend=total / 4) / (total / 2)
    with np.errstate(invalid="ignore"):  # of an infinite value that does not count
        return np.where(share > 0, share * ordered, 0).sum(1)


def markdown(table: pd.DataFrame) -> str:
    """A row per number: the three flavours with the greatest score."""
    headings = ("first", "second", "third", "flavours", "blocks", "runs of a flavour")
    rows = []
    for (_, part, name), found in table.groupby(KEY, sort=False):
        scored = found.dropna(subset="score")
        if len(scored):
            counts = [f"{len(scored)}", *sizes(scored["blocks"], scored["runs"])]
            rows.append((part, name, [*leaders(scored, "score"), *counts]))
    notes = [
        "Interquartile mean of scores over blocks (dataset, architecture, latent size), which count alike, and seeds. "
        f"{SCALE}.",
        f"Intervals: {HOW}.",
        conditions(table),
        *reasons(table),
    ]
    return page_of_numbers(headings, rows, notes, "---rrr")
