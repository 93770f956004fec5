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
GAINS = ("line - ends", "geodesic - ends")  # what a curve adds to the distance of its decoded ends
TESTED = ("line - latent", "geodesic - latent")
DRAWS = 200
WHOLE = 1 - 1e-15  # a correlation that still has a logarithm
Scale = Callable[[Any], Any]
COLUMNS = [*CELL, "part", "metric", "n", "mean", "low", "high", "reason"]


def agree(distances: pd.DataFrame) -> pd.DataFrame:
    """Agreement of the seeds of each cell, in rows like those of `vaebench.report.summary.summarise`.

    ``distances`` has columns dataset, architecture, flavour, latent, seed, pair, distance (of `DISTANCES`), value and
    reason. The part of a row is the kind of distance or the difference of two, ``n`` counts the pairs without a
    missing distance, ``mean`` is the value, and ``low`` and ``high`` end its 95 % `interval` over seeds and pairs. All
    cells with as many pairs have the same `resamples`.
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


def tabulated(cell: pd.DataFrame) -> dict[str, Array]:
    """Distances of one cell by kind, (seeds, pairs) each; seeds that have none are left out where others have some."""
    table = cell.pivot(index=["distance", "seed"], columns="pair", values="value")
    kinds = {kind: table.loc[kind].to_numpy() for kind in DISTANCES}
    given = {kind: np.isfinite(values).any(1) for kind, values in kinds.items()}
    return {kind: values[given[kind]] if given[kind].any() else values for kind, values in kinds.items()}


@functools.cache
def resamples(pairs: int) -> Array:
    """How often each pair is drawn in each of the bootstrap's draws with replacement, (draws, pairs)."""
    return np.random.default_rng(0).multinomial(pairs, np.full(pairs, 1 / pairs), DRAWS).astype(float)


def resampled(distances: Array, weights: Array) -> dict[str, Array]:
    """The statistics of distances (seeds, pairs) where a pair counts as often as ``weights`` (draws, pairs) say.

    (draws,) each; not a number where a draw leaves a statistic undefined.
    """
    from vaebench.geometry.agreement import variation

    seeds = len(distances)
    order = np.sign(distances[:, None] - distances[:, :, None])
    ranks = np.tensordot(weights, order, (1, 1))  # twice the mid-ranks less their mean, (draws, seeds, pairs)
    covariance = (ranks * weights[:, None]) @ ranks.swapaxes(1, 2)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(variance)
        correlation = covariance / (deviation[:, :, None] * deviation[:, None])
        scales = distances @ weights.T / weights.sum(1)
        scaled = (distances[:, None] / scales[:, :, None]).reshape(seeds, -1)
        return {
            "kendall_w": covariance.sum((1, 2)) / (seeds * variance.sum(1)),
            "mean_spearman": correlation[:, *np.triu_indices(seeds, 1)].sum(1) / (seeds * (seeds - 1) / 2),
            "variation": _mean(variation(distances), weights),
            "scale_free_variation": _mean(variation(scaled).reshape(weights.shape), weights),
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
    from vaebench.geometry.agreement import kendall_w, mean_spearman

    return {
        "kendall_w": kendall_w(distances),
        "mean_spearman": mean_spearman(distances),
        "variation": _mean_variation(distances, scale_free=False),
        "scale_free_variation": _mean_variation(distances, scale_free=True),
    }


def _mean_variation(distances: Array, *, scale_free: bool) -> Result:
    from vaebench.geometry.agreement import Result, kendall_w, variation

    values = variation(distances, scale_free=scale_free)
    known = values[np.isfinite(values)]
    return Result(float(known.mean())) if len(known) else Result(np.nan, kendall_w(distances).reason)


def _statistics(cell: pd.DataFrame) -> Iterator[tuple[str, str, int, float, float, float, str]]:
    """Part, metric, number of pairs, value, ends of its interval and reason: all rows of one cell."""
    from vaebench.geometry.agreement import less_varied, variation

    tables = tabulated(cell)
    weights = resamples(cell["pair"].nunique())
    reasons = {}
    for kind, table in tables.items():
        complete = np.isfinite(table).all(0)
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
            reason = "" if known else lost or result.reason
            yield kind, metric, int(complete.sum()), result.value, float(low), float(high), reason
            if metric == "variation":
                reasons[kind] = reason
    for part in TESTED:
        one, other = part.split(" - ")
        first, second = _common(tables[one], tables[other])
        test = less_varied(variation(first, scale_free=True), variation(second, scale_free=True))
        reason = "" if np.isfinite(test.value) else reasons[one] or reasons[other] or test.reason
        for metric, value in (("variation_t", test.value), ("variation_p", test.p)):
            yield part, metric, first.shape[1], value, np.nan, np.nan, reason
    for part in GAINS:
        one, other = part.split(" - ")
        yield part, "mean_spearman", *_gain(tables[one], tables[other], weights, reasons[one] or reasons[other])


def _common(first: Array, second: Array, *others: Array) -> list[Array]:
    """Two kinds of distances (seeds, pairs), and others like them, of the pairs that have both for all seeds."""
    complete = np.isfinite(first).all(0) & np.isfinite(second).all(0)
    return [values[:, complete] for values in (first, second, *others)]


def _gain(first: Array, second: Array, weights: Array, reason: str) -> tuple[int, float, float, float, str]:
    """How much more the seeds agree on one kind of distance than on another."""
    from vaebench.geometry.agreement import mean_spearman

    first, second, weights = _common(first, second, weights)
    if not reason and first.shape != second.shape:
        reason = "not the same seeds have both distances"
    reason = reason or mean_spearman(first).reason or mean_spearman(second).reason
    if reason:
        return first.shape[1], np.nan, np.nan, np.nan, reason
    value, *without = (
        mean_spearman(np.delete(first, gone, 0)).value - mean_spearman(np.delete(second, gone, 0)).value
        for gone in ([], *([seed] for seed in range(len(first)) if len(first) > 2))
    )
    draws = resampled(first, weights)["mean_spearman"] - resampled(second, weights)["mean_spearman"]
    return first.shape[1], value, *interval(value, draws, np.array(without), _same, _same), ""
