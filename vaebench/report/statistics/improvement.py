"""Probability that a run of one flavour is better than one of another, over blocks.

Agarwal et al. 2021, https://arxiv.org/abs/2108.13264, equation 4; ties count half.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from vaebench.report.statistics._page import KEY, conditions, leaders, page_of_numbers, reasons, sizes
from vaebench.report.statistics._runs import HOW, Array, Runs, ends, few, runs, weights
from vaebench.study.naming import readable

INPUTS = ("metrics",)
COLUMNS = [*KEY, "role", "flavour", "against", "blocks", "runs", "probability", "low", "high", "reason"]


def improvement(metrics: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`: ``flavour`` over the plain VAE (``role`` "reference"), and over the flavour whose mean
    probability over all others is the greatest ("best"); ``runs`` are of both, in the ``blocks`` that have both."""
    rows = []
    for found in runs(metrics):
        for role, against in (("reference", found.reference), ("best", champion(found))):
            if against:
                other = found.flavours.index(against)
                rows += [
                    (*found.key, role, flavour, against, *_over(found, place, other))
                    for place, flavour in enumerate(found.flavours)
                    if place != other
                ]
    return pd.DataFrame(rows, columns=COLUMNS)


def better(ours: Array, theirs: Array) -> Array:
    """1 where a run is better than another, 0.5 where they are equal, (ours, theirs)."""
    return (np.sign(ours[:, None] - theirs) + 1) / 2 if len(ours) and len(theirs) else np.zeros((0, 0))


def champion(found: Runs) -> str:
    """The flavour whose mean probability of improvement over the others is the greatest; "" without a couple."""
    values = found.values
    one, other = values[:, :, None, :, None], values[:, None, :, None, :]
    known = ~(np.isnan(one) | np.isnan(other))
    with np.errstate(invalid="ignore"):
        wins = np.where(known, (one > other) + 0.5 * (one == other), 0).sum((3, 4)) / known.sum((3, 4))
    wins[:, *np.diag_indices(len(found.flavours))] = np.nan
    over = pd.DataFrame(wins.reshape(-1, wins.shape[2] ** 2)).mean().to_numpy().reshape(wins.shape[1:])
    means = pd.DataFrame(over).mean(axis=1)
    return found.flavours[int(means.idxmax())] if means.notna().any() else ""


def _over(found: Runs, one: int, other: int) -> tuple:
    """Blocks, runs, probability, ends of its interval and reason."""
    couples = [
        (ours[~np.isnan(ours)], theirs[~np.isnan(theirs)])
        for ours, theirs in zip(found.values[:, one], found.values[:, other], strict=True)
    ]
    couples = [(ours, theirs) for ours, theirs in couples if len(ours) and len(theirs)]
    if not couples:
        return 0, 0, np.nan, np.nan, np.nan, "no block has a run of both"
    counts = [*(len(ours) for ours, _ in couples), *(len(theirs) for _, theirs in couples)]
    wins = [better(*couple) for couple in couples]
    value = float(np.mean([each.mean() for each in wins]))
    parts = np.split(weights(tuple(counts)), np.cumsum(counts)[:-1], axis=1)
    ours, theirs = parts[: len(couples)], parts[len(couples) :]
    draws = [((w @ each) * v).sum(1) / each.size for w, each, v in zip(ours, wins, theirs, strict=True)]
    low, high = np.clip(ends(value, np.mean(draws, 0), *counts), 0, 1)
    return len(couples), sum(counts), value, low, high, few(counts)


def markdown(table: pd.DataFrame) -> str:
    """A row per number: what improves on the VAE, and how surely the best improves on all others."""
    headings = ("against", "most probable", "above 0.5", "below 0.5", "flavours", "blocks", "runs of both")
    rows = []
    for (_, part, name, _role), found in table.groupby([*KEY, "role"], sort=False):
        given = found.dropna(subset="probability")
        if len(given):
            told = [(given["low"] > 0.5).sum(), (given["high"] < 0.5).sum(), len(given)]
            counts = [*map(str, told), *sizes(given["blocks"], given["runs"])]
            against = readable(given["against"].iloc[0])
            rows.append((part, name, [against, *leaders(given, "probability", count=1), *counts]))
    notes = [
        "Probability that a run of a flavour is better than one of `against` in the same block (dataset, architecture, "
        "latent size), mean over blocks: the VAE with default hyperparameters, and the flavour whose mean probability "
        "over all others is the greatest. Above and below 0.5: flavours whose interval lies there.",
        f"Intervals: {HOW}.",
        conditions(table),
        *reasons(table),
    ]
    return page_of_numbers(headings, rows, notes, "--rrrrr")
