"""How far the seeds of a cell agree on distances of test images: statistics, and intervals over seeds and pairs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vaebench.evaluation.survey import DISTANCES
from vaebench.report.summary import gather
from vaebench.study.tidy import BLOCK, CELL

if TYPE_CHECKING:  # scipy comes with the statistics, and tables and figures need none
    from vaebench.geometry.agreement import Array, Result

SHOWN = ("latent", "ends", "line", "geodesic")  # of the kinds of distances, in figures
CURVES = ("line", "geodesic", "ensemble", "expected", "density")
GAINS = tuple(f"{curve} - ends" for curve in CURVES)  # what a curve adds to the distance of its decoded ends
TESTED = ("line - latent", "geodesic - latent")
OF_LOGARITHMS = ("reliability", "consistency")
DRAWS = 200
WHOLE = 1 - 1e-15  # a correlation that still has a logarithm
Scale = Callable[[Any], Any]
COLUMNS = [*CELL, "part", "metric", "n", "seeds", "mean", "low", "high", "reason"]


def agree(distances: pd.DataFrame) -> pd.DataFrame:
    """Agreement of the seeds of each cell, in rows like those of `vaebench.report.summary.summarise`.

    ``distances`` has columns dataset, architecture, flavour, latent, seed, pair, distance (of `DISTANCES`), value and
    reason. The part of a row is the kind of distance or the difference of two, of the same seeds. ``n`` counts the
    pairs without a missing distance (of reliability and consistency: or one of 0), ``seeds`` those with distances,
    ``mean`` is the value, and ``low`` and ``high`` end its 95 % `interval` over seeds and pairs. All cells with as many
    pairs have the same `resamples`.
    """
    return _corrected(_cells(distances))


def agree_files(paths: Iterable[str | Path]) -> pd.DataFrame:
    """`agree` of the distances in files, one at a time, each of which holds whole cells. Raises `VaebenchError`."""
    return _corrected(pd.concat([_cells(gather([path])) for path in paths], ignore_index=True))


def _cells(distances: pd.DataFrame) -> pd.DataFrame:
    rows = [(*cell, *row) for cell, chosen in distances.groupby(CELL) for row in _statistics(chosen)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _corrected(rows: pd.DataFrame) -> pd.DataFrame:
    """With a row beside each p that takes it for one of all flavours' of its block, by `holm`."""
    tested = rows[rows["metric"] == "variation_p"]
    corrected = tested.groupby([*BLOCK, "part"])["mean"].transform(holm)
    more = tested.assign(metric="corrected_p", mean=corrected)
    return pd.concat([rows, more]).sort_values(CELL, kind="stable", ignore_index=True)


def holm(p: pd.Series) -> pd.Series:
    """Adjusted values of p, those of the family of tests that they are. Holm 1979, https://www.jstor.org/stable/4615733."""
    ordered = p.dropna().sort_values()
    factors = np.arange(len(ordered), 0, -1)
    return (ordered * factors).cummax().clip(upper=1.0).reindex(p.index)


def tabulated(cell: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Distances of one cell by kind, (seeds, pairs) each; seeds that have none are left out where others have some."""
    table = cell.pivot(index=["distance", "seed"], columns="pair", values="value")
    kinds = {kind: table.loc[kind] for kind in DISTANCES if kind in table.index}
    given = {kind: _given(values) for kind, values in kinds.items()}
    return {kind: values[given[kind]] if given[kind].any() else values for kind, values in kinds.items()}


def _given(table: pd.DataFrame) -> pd.Series:
    """Whether a seed has distances, (seeds,)."""
    return np.isfinite(table).any(axis=1)


@functools.cache
def resamples(pairs: int) -> Array:
    """How often each pair is drawn in each of the bootstrap's draws with replacement, (draws, pairs)."""
    return np.random.default_rng(0).multinomial(pairs, np.full(pairs, 1 / pairs), DRAWS).astype(float)


def resampled(distances: Array, weights: Array) -> dict[str, Array]:
    """The statistics of distances (seeds, pairs) where a pair counts as often as ``weights`` (draws, pairs) say.

    (draws,) each; not a number where a draw leaves a statistic undefined.
    """
    from vaebench.geometry.agreement import logarithms, variances, variation

    positive = (distances > 0).all(0)
    pair, seed, rest = variances(logarithms(distances[:, positive]), weights[:, positive])
    with np.errstate(invalid="ignore", divide="ignore"):
        scales = distances @ weights.T / weights.sum(1)
        scaled = (distances[:, None] / scales[:, :, None]).reshape(len(distances), -1)
        return {
            **_ranked(distances, weights),
            "reliability": pair / (pair + seed + rest),
            "consistency": pair / (pair + rest),
            "variation": _mean(variation(distances), weights),
            "scale_free_variation": _mean(variation(scaled).reshape(weights.shape), weights),
        }


def _ranked(distances: Array, weights: Array) -> dict[str, Array]:
    """Those of the statistics that are of ranks."""
    seeds = len(distances)
    order = np.sign(distances[:, None] - distances[:, :, None])
    ranks = np.tensordot(weights, order, (1, 1))  # twice the mid-ranks less their mean, (draws, seeds, pairs)
    covariance = (ranks * weights[:, None]) @ ranks.swapaxes(1, 2)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(variance)
        correlation = covariance / (deviation[:, :, None] * deviation[:, None])
        return {
            "kendall_w": covariance.sum((1, 2)) / (seeds * variance.sum(1)),
            "mean_spearman": correlation[:, *np.triu_indices(seeds, 1)].sum(1) / (seeds * (seeds - 1) / 2),
        }


def interval(value: float, draws: Array, without: Array, scale: Scale, back: Scale) -> tuple[float, float]:
    """Ends of a 95 % interval for seeds and pairs of images like these, both of which were drawn.

    The variance over pairs is that of the bootstrap's ``draws``, that over seeds the jackknife's from the values
    ``without`` each seed, which are none for two seeds; Student's distribution has Satterthwaite's degrees of freedom
    (1946, https://doi.org/10.2307/3002019). Variances are taken on a ``scale`` that ``back`` undoes: Fisher's of
    correlations, the logarithm of coefficients of variation.
    """
    from scipy import stats

    over_pairs = float(np.nanvar(scale(draws), ddof=1))
    without = without[np.isfinite(without)]
    seeds = len(without)
    over_seeds = float((seeds - 1) ** 2 / seeds * np.var(scale(without), ddof=1)) if seeds > 1 else 0.0
    variance = over_pairs + over_seeds
    if not variance > 0:
        return value, value
    freedom = variance**2 / (over_pairs**2 / (len(draws) - 1) + over_seeds**2 / max(seeds - 1, 1))
    half = float(stats.t.ppf(0.975, freedom)) * variance**0.5
    return float(back(scale(value) - half)), float(back(scale(value) + half))


def _fisher(correlation: Array | float) -> Array:
    return np.arctanh(np.clip(correlation, -WHOLE, WHOLE))


def _logarithm(variation: Array | float) -> Array:
    return np.log(np.maximum(variation, 1 - WHOLE))


def _same(difference: Array | float) -> Array:
    return np.asarray(difference, float)


FISHER, LOGARITHM = (_fisher, np.tanh), (_logarithm, np.exp)


def _mean(values: Array, weights: Array) -> Array:
    """Weighted mean of the values that are numbers, (draws,)."""
    known = np.isfinite(values)
    return (weights * np.where(known, values, 0)).sum(1) / (weights * known).sum(1)


def _values(distances: Array) -> dict[str, Result]:
    """The statistics of distances (seeds, pairs)."""
    from vaebench.geometry.agreement import consistency, kendall_w, mean_spearman, reliability

    return {
        "kendall_w": kendall_w(distances),
        "mean_spearman": mean_spearman(distances),
        "reliability": reliability(distances),
        "consistency": consistency(distances),
        "variation": _mean_variation(distances, scale_free=False),
        "scale_free_variation": _mean_variation(distances, scale_free=True),
    }


def _mean_variation(distances: Array, *, scale_free: bool) -> Result:
    from vaebench.geometry.agreement import Result, kendall_w, variation

    values = variation(distances, scale_free=scale_free)
    known = values[np.isfinite(values)]
    return Result(float(known.mean())) if len(known) else Result(np.nan, kendall_w(distances).reason)


def _statistics(cell: pd.DataFrame) -> Iterator[tuple[str, str, int, int, float, float, float, str]]:
    """Part, metric, numbers of pairs and seeds, value, ends of its interval and reason: all rows of one cell."""
    from vaebench.geometry.agreement import less_varied, variation

    tables = tabulated(cell)
    weights = resamples(cell["pair"].nunique())
    reasons = {}
    for kind, frame in tables.items():
        table, seeds = frame.to_numpy(), int(_given(frame).sum())
        complete = np.isfinite(table).all(0)
        positive = complete & (table > 0).all(0)
        if complete.any():
            lost = "it has one seed" if len(table) == 1 else ""
        else:
            lost = "; ".join(sorted(set(cell.loc[cell["distance"] == kind, "reason"]) - {""}))
        draws = resampled(table[:, complete], weights[:, complete])
        left = [_values(np.delete(table[:, complete], seed, 0)) for seed in range(len(table))] if len(table) > 2 else []
        for metric, result in _values(table).items():
            known = np.isfinite(result.value)
            without = np.array([values[metric].value for values in left])
            scale = LOGARITHM if "variation" in metric else FISHER
            low, high = interval(result.value, draws[metric], without, *scale) if known else (np.nan, np.nan)
            low = np.maximum(low, 0) if metric in OF_LOGARITHMS else low
            reason = "" if known else lost or result.reason
            pairs = int((positive if metric in OF_LOGARITHMS else complete).sum())
            yield kind, metric, pairs, seeds, result.value, float(low), float(high), reason
            if metric == "variation":
                reasons[kind] = reason
    for part in (*TESTED, *GAINS):
        one, other = part.split(" - ")
        if not {one, other} <= {*tables}:
            continue
        first, second, both = _common(tables[one], tables[other])
        reason = reasons[one] or reasons[other]
        counts = int(both.sum()), len(first) if both.any() else 0
        if part in TESTED:
            test = less_varied(variation(first, scale_free=True), variation(second, scale_free=True))
            reason = "" if np.isfinite(test.value) else reason or test.reason
            for metric, value in (("variation_t", test.value), ("variation_p", test.p)):
                yield part, metric, *counts, value, np.nan, np.nan, reason
        else:
            yield part, "mean_spearman", *counts, *_gain(first, second, weights[:, both], reason)


def _common(first: pd.DataFrame, second: pd.DataFrame) -> tuple[Array, Array, Array]:
    """Two kinds of distances of the seeds that have both and of the pairs that all of these have, and which pairs."""
    seeds = first.index.intersection(second.index)
    one, other = first.loc[seeds].to_numpy(), second.loc[seeds].to_numpy()
    both = np.isfinite(one).all(0) & np.isfinite(other).all(0) & bool(len(seeds))
    return one[:, both], other[:, both], both


def _gain(first: Array, second: Array, weights: Array, reason: str) -> tuple[float, float, float, str]:
    """How much more the seeds agree on one kind of distance (seeds, pairs) than on another, and its interval."""
    from vaebench.geometry.agreement import mean_spearman

    reason = reason or mean_spearman(first).reason or mean_spearman(second).reason
    if reason:
        return np.nan, np.nan, np.nan, reason
    value, *without = (
        mean_spearman(np.delete(first, gone, 0)).value - mean_spearman(np.delete(second, gone, 0)).value
        for gone in ([], *([seed] for seed in range(len(first)) if len(first) > 2))
    )
    draws = _ranked(first, weights)["mean_spearman"] - _ranked(second, weights)["mean_spearman"]
    return value, *interval(value, draws, np.array(without), _same, _same), ""
