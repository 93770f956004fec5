"""How far models trained from different seeds agree on distances.

Distances are (seeds, pairs), the same pairs of images for each seed. A pair that is missing for some seed (not a
number, or infinite: no path) is left out. A `Result` is a value and, where there is none, the reason. Rank agreement
comes first: adding a constant to all distances lowers the coefficient of variation, but brings no agreement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Result:
    """``value`` is not a number where ``reason`` says why; ``p`` is a test's probability under its null hypothesis."""

    value: float
    reason: str = ""
    p: float = math.nan


def _statistic(function: Callable[[Array], float]) -> Callable[[Array], Result]:
    """Of the complete pairs, with at least two seeds and two pairs, none of which has equal distances only."""

    @wraps(function)
    def checked(distances: Array) -> Result:
        values = np.asarray(distances, float)
        values = values[:, np.isfinite(values).all(0)]
        if min(values.shape) < 2:
            seeds, pairs = values.shape
            return Result(math.nan, f"{seeds} seeds and {pairs} pairs without a missing value: 2 of each are needed")
        if flat := np.flatnonzero(np.ptp(values, 1) == 0).tolist():
            return Result(math.nan, f"all distances are equal for seeds {flat}")
        return Result(function(values))

    return checked


@_statistic
def kendall_w(distances: Array) -> float:
    """Kendall's coefficient of concordance, corrected for ties: 0 for no agreement on the pairs' order, 1 for full."""
    seeds, pairs = distances.shape
    from scipy import stats  # here and below: a second to import, and figures of variations need none of it

    ranks = stats.rankdata(distances, axis=1)
    ties = sum((counts**3 - counts).sum() for counts in (np.unique(row, return_counts=True)[1] for row in ranks))
    spread = np.square(ranks.sum(0) - seeds * (pairs + 1) / 2).sum()
    return float(12 * spread / (seeds**2 * (pairs**3 - pairs) - seeds * ties))


@_statistic
def mean_spearman(distances: Array) -> float:
    """Mean of Spearman's rank correlation over all pairs of seeds."""
    from scipy import stats

    correlations = np.corrcoef(stats.rankdata(distances, axis=1))
    return float(correlations[np.triu_indices(len(correlations), 1)].mean())


def _of_logarithms(function: Callable[[Array], Result]) -> Callable[[Array], Result]:
    """Of the logarithms of distances; a distance of 0, which has none, is missing."""

    @wraps(function)
    def logarithmic(distances: Array) -> Result:
        return function(logarithms(distances))

    return logarithmic


def logarithms(distances: Array) -> Array:
    """Natural logarithms of distances, not a number where there is none."""
    values = np.asarray(distances, float)
    return np.log(values, where=values > 0, out=np.full(values.shape, math.nan))


@_of_logarithms
@_statistic
def reliability(logarithms: Array) -> float:
    """Share of the pairs in the variance of log distance ~ pair + seed, both random: how absolutely seeds agree.

    ICC(2,1) = v_pair / (v_pair + v_seed + v_rest), of the `variances`. Shrout & Fleiss 1979,
    https://doi.org/10.1037/0033-2909.86.2.420.
    """
    pair, seed, rest = variances(logarithms)
    return max(float(pair / (pair + seed + rest)), 0)


@_of_logarithms
@_statistic
def consistency(logarithms: Array) -> float:
    """`reliability` up to the scale of a seed's distances: ICC(3,1) = v_pair / (v_pair + v_rest), ibid."""
    pair, _, rest = variances(logarithms)
    return max(float(pair / (pair + rest)), 0)


def variances(values: Array, weights: Array | None = None) -> tuple[Array, Array, Array]:
    """Of pairs, of seeds and of the rest, in values (seeds, pairs) where a pair counts ``weights`` (..., pairs) times.

    (...,) each: the estimates by the mean squares of the two-way analysis of variance. That of seeds below 0 is set to
    0; that of pairs is not, as its interval needs those below 0.
    """
    weights = np.ones(values.shape[1]) if weights is None else weights
    seeds, pairs = len(values), weights.sum(-1)
    by_pair = values.mean(0)
    with np.errstate(invalid="ignore", divide="ignore"):  # where there is one pair alone
        by_seed = weights @ (values - by_pair).T / pairs[..., None]
        centre = (weights @ by_pair / pairs)[..., None]
        of_pairs = seeds * (weights * (by_pair - centre) ** 2).sum(-1)
        of_seeds = pairs * (by_seed**2).sum(-1)
        of_rest = np.maximum(weights @ ((values - by_pair) ** 2).sum(0) - of_seeds, 0)
        rest = of_rest / ((seeds - 1) * (pairs - 1))
        pair, seed = (of_pairs / (pairs - 1) - rest) / seeds, (of_seeds / (seeds - 1) - rest) / pairs
    return pair, np.maximum(seed, 0), rest


def variation(distances: Array, *, scale_free: bool = False) -> Array:
    """Standard deviation over the seeds (unbiased variance) by the mean over them, (pairs,).

    ``scale_free`` first divides each seed's distances by their mean over the complete pairs. Not a number for a pair
    that is missing for some seed or of mean 0, for a single seed, and, scale-free, where a seed's distances are all 0.
    """
    values = np.asarray(distances, float)
    missing = ~np.isfinite(values).all(0)
    values = np.where(missing, math.nan, values)
    if len(values) < 2 or missing.all():
        return np.full(values.shape[1], math.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        if scale_free:
            values = values / np.nanmean(values, 1, keepdims=True)
        return values.std(0, ddof=1) / values.mean(0)


def less_varied(first: Array, second: Array) -> Result:
    """Paired t statistic of ``first`` minus ``second`` (pairs,), and the one-sided p of `first` being no smaller.

    Syrota et al. 2025, https://arxiv.org/abs/2502.13757, with the `variation` of two kinds of distances.
    """
    difference = np.asarray(first, float) - np.asarray(second, float)
    difference = difference[np.isfinite(difference)]
    if len(difference) < 2:
        return Result(math.nan, f"{len(difference)} pairs without a missing value: 2 are needed")
    if np.ptp(difference) == 0:
        return Result(math.nan, "all differences are equal")
    from scipy import stats

    test = stats.ttest_1samp(difference, 0, alternative="less")
    return Result(float(test.statistic), p=float(test.pvalue))
