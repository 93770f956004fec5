"""How far the seeds of a cell agree on distances of test images: statistics, and intervals over seeds and pairs."""

from __future__ import annotations

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
WHOLE = 1 - 1e-12  # a correlation that still has a logarithm beyond rounding
Scale = Callable[[Any], Any]
COLUMNS = [*CELL, "part", "metric", "n", "seeds", "mean", "low", "high", "reason"]


def agree(distances: pd.DataFrame) -> pd.DataFrame:
    """Agreement of the seeds of each cell, in rows like those of `vaebench.report.summary.summarise`.

    ``distances`` has columns dataset, architecture, flavour, latent, seed, pair, distance (of `DISTANCES`), value and
    reason. The part of a row is the kind of distance or the difference of two, of the same seeds. ``n`` counts the
    pairs without a missing distance (of reliability and consistency: or one of 0), ``seeds`` those with distances,
    ``mean`` is the value, and ``low`` and ``high`` end its 95 % `interval` over seeds and pairs.
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


def jackknifed(distances: Array) -> dict[str, Array]:
    """The statistics of distances (seeds, pairs), down: of all seeds and without each, across: of all pairs and without
    each.

    (1 + seeds, 1 + pairs) each, (1, 1 + pairs) of two seeds, as one has none; not a number where one is undefined.
    """
    seeds, pairs = distances.shape
    weights = np.concatenate([np.ones((1, pairs)), 1 - np.eye(pairs)])
    covariance = _covariances(distances, weights)
    every = np.arange(seeds)
    left = [every, *(np.delete(every, gone) for gone in every if seeds > 2)]
    found = [_weighted(distances[kept], weights, covariance[:, kept[:, None], kept]) for kept in left]
    return {name: np.array([values[name] for values in found]) for name in found[0]}


def _weighted(distances: Array, weights: Array, covariance: Array) -> dict[str, Array]:
    """The statistics of distances (seeds, pairs) where a pair counts as often as ``weights`` (draws, pairs) say.

    (draws,) each, of which the `_covariances` are given; not a number where a draw leaves a statistic undefined.
    """
    from vaebench.geometry.agreement import logarithms, variances, variation

    positive = (distances > 0).all(0)
    pair, seed, rest = variances(logarithms(distances[:, positive]), weights[:, positive])
    with np.errstate(invalid="ignore", divide="ignore"):
        scales = distances @ weights.T / weights.sum(1)
        scaled = (distances[:, None] / scales[:, :, None]).reshape(len(distances), -1)
        return {
            **_of_ranks(covariance),
            "reliability": pair / (pair + seed + rest),
            "consistency": pair / (pair + rest),
            "variation": _mean(variation(distances), weights),
            "scale_free_variation": _mean(variation(scaled).reshape(weights.shape), weights),
        }


def _covariances(distances: Array, weights: Array) -> Array:
    """Of the seeds' ranks of the pairs, (draws, seeds, seeds), times a number that is the same for all of a draw."""
    order = np.sign(distances[:, None] - distances[:, :, None])
    ranks = np.tensordot(weights, order, (1, 1))  # twice the mid-ranks less their mean, (draws, seeds, pairs)
    return (ranks * weights[:, None]) @ ranks.swapaxes(1, 2)


def _of_ranks(covariance: Array) -> dict[str, Array]:
    seeds = covariance.shape[-1]
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(variance)
        correlation = covariance / (deviation[:, :, None] * deviation[:, None])
        return {
            "kendall_w": covariance.sum((1, 2)) / (seeds * variance.sum(1)),
            "mean_spearman": correlation[:, *np.triu_indices(seeds, 1)].sum(1) / (seeds * (seeds - 1) / 2),
        }


def interval(values: Array, scale: Scale, back: Scale) -> tuple[float, float]:
    """Ends of a 95 % interval for seeds and pairs of images like these, both of which were drawn.

    ``values`` are as of `jackknifed`. The variance is that over pairs and that over seeds, less that of single
    distances, which is in both (Cameron, Gelbach and Miller 2011, https://doi.org/10.1198/jbes.2010.07136; here by the
    jackknife), and no less than that over pairs, which alone is told by two seeds. Student's distribution has
    Satterthwaite's degrees of freedom (1946, https://doi.org/10.2307/3002019), at least those of the seeds. Variances
    are taken on a ``scale`` that ``back`` undoes: Fisher's of correlations, the logarithm of coefficients of variation.
    Not numbers where all but two pairs are missing, as one has no order.
    """
    from scipy import stats

    value, known = scale(values[0, 0]), np.isfinite(values)
    rows = known.any(1)
    scaled = scale(values[rows][:, known[rows].all(0)])
    seeds, pairs = scaled.shape[0] - 1, scaled.shape[1] - 1
    if pairs < 2:
        return np.nan, np.nan
    if (scaled == value).all():
        return float(values[0, 0]), float(values[0, 0])
    influence = (pairs - 1) * (scaled[:, :1] - scaled[:, 1:])  # of each pair, (1 + seeds, pairs)
    over_pairs = variance = float(influence[0].var(ddof=1) / pairs)
    over_seeds = 0.0
    if seeds > 1:
        over_seeds = float((seeds - 1) ** 2 / seeds * scaled[1:, 0].var(ddof=1))
        single = seeds * influence[0] - (seeds - 1) * influence[1:]  # of each distance, (seeds, pairs)
        single = single - single.mean(0) - single.mean(1, keepdims=True) + single.mean()
        in_both = float((single**2).sum() / ((seeds - 1) * (pairs - 1) * seeds * pairs))
        variance = max(over_pairs + over_seeds - in_both, over_pairs)
    few = max(seeds - 1, 1)
    freedom = variance**2 / (over_pairs**2 / (pairs - 1) + over_seeds**2 / few)
    half = float(stats.t.ppf(0.975, max(freedom, few))) * variance**0.5
    return float(back(value - half)), float(back(value + half))


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
    reasons = {}
    for kind, frame in tables.items():
        table, seeds = frame.to_numpy(), int(_given(frame).sum())
        complete = np.isfinite(table).all(0)
        positive = complete & (table > 0).all(0)
        if complete.any():
            lost = "it has one seed" if len(table) == 1 else ""
        else:
            lost = "; ".join(sorted(set(cell.loc[cell["distance"] == kind, "reason"]) - {""}))
        without = jackknifed(table[:, complete])
        for metric, result in _values(table).items():
            known = np.isfinite(result.value)
            scale = LOGARITHM if "variation" in metric else FISHER
            low, high = interval(without[metric], *scale) if known else (np.nan, np.nan)
            if metric in OF_LOGARITHMS:
                low, high = np.maximum((low, high), 0)
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
            yield part, "mean_spearman", *counts, *_gain(first, second, reason)


def _common(first: pd.DataFrame, second: pd.DataFrame) -> tuple[Array, Array, Array]:
    """Two kinds of distances of the seeds that have both and of the pairs that all of these have, and which pairs."""
    seeds = first.index.intersection(second.index)
    one, other = first.loc[seeds].to_numpy(), second.loc[seeds].to_numpy()
    both = np.isfinite(one).all(0) & np.isfinite(other).all(0) & bool(len(seeds))
    return one[:, both], other[:, both], both


def _gain(first: Array, second: Array, reason: str) -> tuple[float, float, float, str]:
    """How much more the seeds agree on one kind of distance (seeds, pairs) than on another, and its interval."""
    from vaebench.geometry.agreement import mean_spearman

    reason = reason or mean_spearman(first).reason or mean_spearman(second).reason
    if reason:
        return np.nan, np.nan, np.nan, reason
    gain = jackknifed(first)["mean_spearman"] - jackknifed(second)["mean_spearman"]
    return float(gain[0, 0]), *interval(gain, _same, _same), ""
