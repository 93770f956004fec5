"""How large the difference of each flavour to the plain VAE is, in standard deviations of seeds and in ranks of them.

Hedges' g is Cohen's d of two groups of runs, corrected for few seeds (Hedges 1981,
https://doi.org/10.3102/10769986006002107); Cliff's delta is 2 P(better) + P(equal) - 1 (Cliff 1993,
https://doi.org/10.1037/0033-2909.114.3.494).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from vaebench.report.statistics._page import KEY, conditions, leaders, page_of_numbers, reasons, sizes
from vaebench.report.statistics._runs import Array, runs
from vaebench.report.statistics.improvement import better
from vaebench.report.summary import FEWEST
from vaebench.study.tidy import BLOCK

INPUTS = ("metrics",)
COLUMNS = [
    *(*BLOCK, *KEY, "flavour", "against", "n"),
    *("difference", "d", "low", "high", "delta", "reason"),
]
ENDS = ("d", "low", "high")
LARGE = 0.8  # of Cohen 1988
LARGEST = 100.0  # t of which the normal part no longer matters


def effects(metrics: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`: of one flavour in one block each, where this has a VAE with default hyperparameters.

    ``n`` is the number of seeds (the smaller one), ``difference`` that of the means in the metric's unit; ``d`` is
    Hedges' g with the ends of its 95 % interval and ``delta`` Cliff's, both above 0 where the flavour is better.
    """
    rows, groups = [], []
    signs = metrics.groupby("metric")["sign"].first()
    for found in runs(metrics):
        if not found.reference:
            continue
        reference = found.flavours.index(found.reference)
        for block, values in zip(found.blocks, found.values, strict=True):
            theirs = values[reference][np.isfinite(values[reference])]
            for place, flavour in enumerate(found.flavours):
                ours = values[place][np.isfinite(values[place])]
                if place != reference and len(ours) and len(theirs):
                    n, difference = min(len(ours), len(theirs)), signs[found.key[2]] * (ours.mean() - theirs.mean())
                    delta = float((2 * better(ours, theirs) - 1).mean())
                    rows.append((*block, *found.key, flavour, found.reference, n, difference, delta))
                    groups.append((ours, theirs))
    names = [name for name in COLUMNS if name not in (*ENDS, "reason")]
    return pd.DataFrame(rows, columns=names).join(hedges(groups))[COLUMNS]


def hedges(groups: Sequence[tuple[Array, Array]]) -> pd.DataFrame:
    """Hedges' g ``d`` of couples of groups, ``low`` and ``high`` of its 95 % interval, or the ``reason`` for none."""
    from scipy import special

    moments = [(len(one), len(other), one.mean() - other.mean(), *_spread(one, other)) for one, other in groups]
    n, m, difference, pooled, size = np.array(moments, float).reshape(-1, 5).T
    freedom = n + m - 2
    few = np.minimum(n, m) < FEWEST
    known = ~few & (pooled > 1e-12 * size)
    found = pd.DataFrame(np.nan, range(len(groups)), list(ENDS))
    root, freedom = np.sqrt(1 / n + 1 / m)[known], freedom[known]
    t = difference[known] / (pooled[known] * root)
    correction = np.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2)
    ends = [t, *(noncentrality(freedom, p, t) for p in (0.975, 0.025))]
    found.loc[known] = np.transpose([correction * root * end for end in ends])
    return found.assign(reason=np.select([few, ~known], [f"fewer than {FEWEST} seeds", "seeds do not vary"], ""))


def _spread(one: Array, other: Array) -> tuple[float, float]:
    """Pooled standard deviation of two groups, and the size of the values."""
    squares = np.square(one - one.mean()).sum() + np.square(other - other.mean()).sum()
    return np.sqrt(squares / max(len(one) + len(other) - 2, 1)), np.abs([*one, *other]).max()


def noncentrality(freedom: Array, p: float, t: Array) -> Array:
    """Those of the t distributions of which p lies below t, by bisection; beyond `LARGEST` their limit."""
    from scipy import special, stats

    limit = t * np.sqrt(special.chdtri(freedom, np.where(t > 0, p, 1 - p)) / freedom)
    far = np.abs(t) > LARGEST
    near = np.where(far, 0, t)
    low, high = (near + side * (10 + 4 * np.abs(near)) for side in (-1, 1))
    for _ in range(50):
        middle = (low + high) / 2
        below = stats.nct.cdf(near, freedom, middle)
        above = np.where(np.isnan(below), middle < near, below > p)  # the distribution function falls with the shift
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(far, limit, (low + high) / 2)


def markdown(table: pd.DataFrame) -> str:
    """A row per number: how many cells differ surely and by how much, over flavours and blocks."""
    headings = ("largest", "cells better", "cells worse", "large", "cells", "flavours", "seeds")
    lines = []
    for (_, part, name), found in table.groupby(KEY, sort=False):
        given = found.dropna(subset="d")
        if len(given):
            told = [(given["low"] > 0).sum(), (given["high"] < 0).sum(), (given["d"].abs() > LARGE).sum(), len(given)]
            counts = [*map(str, told), f"{given['flavour'].nunique()}", *sizes(given["n"])]
            lines.append((part, name, [*leaders(given, "d", count=1), *counts]))
    notes = [
        "Hedges' g (Cohen's d over seeds, corrected for few of them) of each flavour and the VAE with default "
        "hyperparameters in each block: means apart in standard deviations of seeds, which are taken as normal, "
        "independent and as spread in both (pooled); its 95 % interval is of the noncentral t distribution. Cells "
        f"better and worse: whose interval lies above or below 0; large: beyond {LARGE} (Cohen). Cliff's delta, which "
        "assumes no distribution, is in the table.",
        conditions(table),
        *reasons(table),
    ]
    return page_of_numbers(headings, lines, notes, "-rrrrrr")
