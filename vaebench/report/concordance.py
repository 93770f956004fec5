"""How far the seeds of a cell agree on distances between test images: statistics with their intervals over pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd

from vaebench.geometry.agreement import Array, Result, kendall_w, less_varied, mean_spearman, variation
from vaebench.report.tables import CELL

DISTANCES = ("latent", "line", "geodesic")
DRAWS = 200
COLUMNS = [*CELL, "sampler", "metric", "n", "mean", "low", "high", "reason"]


def agree(distances: pd.DataFrame) -> pd.DataFrame:
    """Agreement of the seeds of each cell, in rows like those of `vaebench.report.tables.summarise`.

    ``distances`` has columns dataset, architecture, flavour, latent, seed, pair, distance (of `DISTANCES`), value and
    reason. The sampler of a row is the kind of distance or the difference of two, ``n`` counts the pairs without a
    missing distance, ``mean`` is the value, and ``low`` and ``high`` end its 95 % percentile bootstrap interval over
    pairs. All cells with as many pairs have the same `resamples`.
    """
    rows = [(*cell, *row) for cell, chosen in distances.groupby(CELL) for row in _statistics(chosen)]
    return pd.DataFrame(rows, columns=COLUMNS)


def conditions(distances: pd.DataFrame) -> str:
    """The line that the table carries: pairs, kinds of distance, seeds, intervals, test."""
    pairs = " or ".join(map(str, sorted(set(distances.groupby("dataset")["pair"].nunique()))))
    seeds = distances["seed"].nunique()
    return (
        f"{pairs} pairs of test images, the same for all flavours and seeds; latent: distance of the latent space, "
        "line: length of its straight line's image, geodesic: length of the shortest curve; seeds without distances, "
        "such as collapsed ones, and then pairs without one for some seed are left out; "
        f"{seeds} seed{'s' if seeds > 1 else ''}; variation: mean over pairs of the "
        "coefficient of variation over seeds; scale-free: of distances divided by their mean for the seed; "
        f"value ± half-width of the 95 % percentile bootstrap interval over pairs ({DRAWS} draws); "
        "t: paired test of the coefficients of variation, p: one-sided (Syrota et al. 2025)."
    )


def tabulated(cell: pd.DataFrame) -> dict[str, Array]:
    """Distances of one cell by kind, (seeds, pairs) each; seeds that have none are left out where others have some."""
    table = cell.pivot(index=["distance", "seed"], columns="pair", values="value")
    kinds = {kind: table.loc[kind].to_numpy() for kind in DISTANCES}
    given = {kind: np.isfinite(values).any(1) for kind, values in kinds.items()}
    return {kind: values[given[kind]] if given[kind].any() else values for kind, values in kinds.items()}


def resamples(pairs: int) -> Array:
    """How often each pair is drawn in each of the bootstrap's draws with replacement, (draws, pairs)."""
    return np.random.default_rng(0).multinomial(pairs, np.full(pairs, 1 / pairs), DRAWS).astype(float)


def resampled(distances: Array, weights: Array) -> dict[str, Array]:
    """The statistics of distances (seeds, pairs) where a pair counts as often as ``weights`` (draws, pairs) say.

    (draws,) each; not a number where a draw leaves a statistic undefined.
    """
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


def _mean(values: Array, weights: Array) -> Array:
    """Weighted mean of the values that are numbers, (draws,)."""
    known = np.isfinite(values)
    return (weights * np.where(known, values, 0)).sum(1) / (weights * known).sum(1)


def _mean_variation(distances: Array, scale_free: bool) -> Result:
    values = variation(distances, scale_free=scale_free)
    known = values[np.isfinite(values)]
    return Result(float(known.mean())) if len(known) else Result(np.nan, kendall_w(distances).reason)


STATISTICS: dict[str, Callable[[Array], Result]] = {
    "kendall_w": kendall_w,
    "mean_spearman": mean_spearman,
    "variation": partial(_mean_variation, scale_free=False),
    "scale_free_variation": partial(_mean_variation, scale_free=True),
}


def _statistics(cell: pd.DataFrame) -> Iterator[tuple[str, str, int, float, float, float, str]]:
    """Sampler, metric, number of pairs, value, ends of its interval and reason: all rows of one cell."""
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
        for metric, statistic in STATISTICS.items():
            result = statistic(table)
            known = np.isfinite(result.value)
            low, high = np.nanquantile(draws[metric], (0.025, 0.975)) if known else (np.nan, np.nan)
            reason = "" if known else lost or result.reason
            yield kind, metric, int(complete.sum()), result.value, float(low), float(high), reason
            if metric == "variation":
                reasons[kind] = reason
    for kind in ("line", "geodesic"):
        both = variation(tables[kind]), variation(tables["latent"])
        count = int(np.isfinite(both).all(0).sum())
        test = less_varied(*both)
        reason = "" if np.isfinite(test.value) else reasons[kind] or reasons["latent"] or test.reason
        for metric, value in (("variation_t", test.value), ("variation_p", test.p)):
            yield f"{kind} - latent", metric, count, value, np.nan, np.nan, reason
