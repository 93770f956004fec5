"""Average ranks of treatments over blocks, and whether they differ.

Demsar 2006, https://jmlr.org/papers/v7/demsar06a.html: Friedman's test with Iman's and Davenport's correction, then
Nemenyi's of all couples, or Holm's of all against one. Conover 1999, Practical Nonparametric Statistics, 5.8: a test of
all couples that has more power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vaebench.report.concordance import holm

Array = np.ndarray

LEVEL = 0.05
FEWEST_BLOCKS, FEWEST_TREATMENTS = 5, 3


@dataclass(frozen=True)
class Ranking:
    """Of treatments, of which the best has rank 1. What is not a number ``reason`` explains.

    ``average`` (treatments,) are mean ranks over ``blocks``; ``p`` and ``f_p`` are the probabilities of Friedman's
    ``chi_square``, corrected for ties, and of Iman's and Davenport's ``f`` under equal treatments; ``pairwise``
    (treatments, treatments) are those of Nemenyi's test, whose ``critical_difference`` of average ranks is at `LEVEL`,
    and ``conover`` those of Conover's, by Holm over all couples.
    """

    average: Array
    blocks: int
    pairwise: Array
    conover: Array
    chi_square: float = np.nan
    p: float = np.nan
    f: float = np.nan
    f_p: float = np.nan
    critical_difference: float = np.nan
    reason: str = ""

    def against(self, control: int) -> Array:
        """Probabilities of equal average ranks of each treatment and a control, normal, by Holm, (treatments,)."""
        from scipy import special

        apart = np.abs(self.average - self.average[control]) / (2**0.5 * _error(self.blocks, len(self.average)))
        p = pd.Series(2 * special.ndtr(-apart)).where(np.isfinite(self.pairwise[control]))
        p[control] = np.nan
        return holm(p).to_numpy()

    def cliques(self) -> list[list[int]]:
        """Treatments (by number) whose average ranks lie within the critical difference: the largest such groups."""
        order = np.argsort(self.average, kind="stable")
        ranks = self.average[order]
        ends = [int(np.searchsorted(ranks, rank + self.critical_difference)) for rank in ranks]
        known = np.isfinite(self.critical_difference)
        spans = [(first, last) for first, last in enumerate(ends) if known and last - first > 1]
        return [[*map(int, order[a:b])] for a, b in spans if not any(c < a and b <= d for c, d in spans)]


def ranking(values: Array) -> Ranking:
    """Of treatments by values (blocks, treatments), of which more is better, in the blocks that have all of them."""
    from scipy import stats

    values = np.asarray(values, float)
    ranks = stats.rankdata(-values[np.isfinite(values).all(1)], axis=1)
    blocks, treatments = ranks.shape
    average = ranks.mean(0) if blocks else np.full(treatments, np.nan)
    unknown = np.full((treatments, treatments), np.nan)
    if blocks < FEWEST_BLOCKS or treatments < FEWEST_TREATMENTS:
        few = f"{blocks} blocks with {treatments} treatments: a test needs {FEWEST_BLOCKS} with {FEWEST_TREATMENTS}"
        return Ranking(average, blocks, unknown, unknown, reason=few)
    spread = np.square(ranks - (treatments + 1) / 2).sum()
    if not spread:
        return Ranking(average, blocks, unknown, unknown, reason="all treatments are tied in every block")
    chi_square = (treatments - 1) * blocks**2 * np.square(average - (treatments + 1) / 2).sum() / spread
    f = iman_davenport(chi_square, blocks, treatments)
    error = _error(blocks, treatments)
    apart = np.abs(average[:, None] - average)
    freedom = (blocks - 1) * (treatments - 1)
    left = 2 * spread / (blocks * freedom) * (1 - chi_square / (blocks * (treatments - 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(apart > 0, apart / np.sqrt(max(left, 0.0)), 0.0)
    return Ranking(
        average,
        blocks,
        stats.studentized_range.sf(apart / error, treatments, np.inf),
        _of_couples(2 * stats.t.sf(t, freedom)),
        chi_square=float(chi_square),
        p=float(stats.chi2.sf(chi_square, treatments - 1)),
        f=f,
        f_p=float(stats.f.sf(f, treatments - 1, (treatments - 1) * (blocks - 1))),
        critical_difference=float(stats.studentized_range.isf(LEVEL, treatments, np.inf) * error),
    )


def _error(blocks: int, treatments: int) -> float:
    """Standard error of an average rank, as studentised ranges have it."""
    return float(np.sqrt(treatments * (treatments + 1) / (12 * blocks)))


def _of_couples(p: Array) -> Array:
    """By Holm over all couples, a matrix like the given one."""
    one, other = np.triu_indices(len(p), 1)
    corrected = np.ones_like(p)
    corrected[one, other] = corrected[other, one] = holm(pd.Series(p[one, other]))
    return corrected


def iman_davenport(chi_square: float, blocks: int, treatments: int) -> float:
    """Friedman's statistic as one of Fisher's distribution with treatments - 1 degrees of freedom, and that by
    blocks - 1; infinite where all blocks rank alike."""
    left = blocks * (treatments - 1) - chi_square
    return float((blocks - 1) * chi_square / left) if left > 1e-9 * blocks else np.inf
