"""Runs of all flavours in all blocks, and intervals over their seeds."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vaebench.report.statistics._page import KEY
from vaebench.report.summary import FEWEST
from vaebench.study.tidy import BLOCK

Array = np.ndarray

DRAWS = 2000
FEW = f"no interval: fewer than {FEWEST} seeds in a block"
HOW = (
    "stratified bootstrap (Agarwal et al. 2021, https://arxiv.org/abs/2108.13264): seeds are drawn with replacement "
    f"within each block, {DRAWS} times; blocks are fixed. Deviations are stretched by the root of runs / (runs - "
    "blocks) and by Student's quantile over the normal one, as few seeds spread less than they vary. One without width "
    "says that these seeds agree, not that others would"
)
SCALE = (
    "Score: linear within each block, 0 for its median flavour and 1 for its best one (of means over seeds, controls "
    "aside), higher better"
)


@dataclass(frozen=True)
class Runs:
    """Of one number, ``key`` is its conditions, part and metric; ``values`` (blocks, flavours, seeds), more is better,
    are not numbers where there is no run."""

    key: tuple[str, str, str]
    blocks: list[tuple]
    flavours: list[str]
    reference: str
    values: Array

    def scores(self) -> tuple[Array, str]:
        """Values on the scale of `SCALE`; not numbers in a block that has none, and the reason if that is every one."""
        with np.errstate(invalid="ignore"):
            means = [pd.DataFrame(values).mean(axis=1).to_numpy() for values in self.values]
            middle, best = (np.array([of(mean) for mean in means]) for of in (_median, _greatest))
            scale = best - middle
            known = np.isfinite(scale) & (scale > 0)
            scores = (self.values - middle[:, None, None]) / np.where(known, scale, np.nan)[:, None, None]
        return scores, "" if known.any() else "the best flavour is no better than the median one in any block"


def _median(means: Array) -> float:
    known = means[~np.isnan(means)]
    return float(np.median(known)) if len(known) else np.nan


def _greatest(means: Array) -> float:
    return float(np.nanmax(means, initial=-np.inf))


def given(values: Array) -> list[Array]:
    """Of one flavour's values (blocks, seeds), the numbers of each block that has any."""
    known = (block[~np.isnan(block)] for block in values)
    return [block for block in known if len(block)]


def runs(metrics: pd.DataFrame) -> Iterator[Runs]:
    """Of each number in its order: the runs of the flavours, controls aside."""
    for key, rows in metrics[~metrics["control"]].groupby(KEY):
        flavours, seeds = (sorted(rows[name].unique()) for name in ("flavour", "seed"))
        blocks = list(rows.groupby(BLOCK).groups)
        places = [pd.Index(names).get_indexer(codes) for names, codes in _axes(rows, blocks, flavours, seeds)]
        values = np.full((len(blocks), len(flavours), len(seeds)), np.nan)
        values[*places] = rows["value"] * rows["sign"]
        reference = rows.loc[rows["reference"], "flavour"]
        kept = ~np.isnan(values).all((1, 2))
        where = [block for block, any_run in zip(blocks, kept, strict=True) if any_run]
        yield Runs(key, where, flavours, next(iter(reference), ""), values[kept])


def _axes(rows: pd.DataFrame, blocks: list, flavours: list, seeds: list) -> list[tuple[list, pd.Index]]:
    of = pd.MultiIndex.from_frame(rows[BLOCK]).to_flat_index()
    return [(blocks, of), (flavours, pd.Index(rows["flavour"])), (seeds, pd.Index(rows["seed"]))]


@functools.cache
def weights(sizes: tuple[int, ...]) -> Array:
    """How often each run is drawn, (draws, runs); as many of each block as it has, blocks after one another."""
    random = np.random.default_rng(0)
    return np.concatenate([random.multinomial(n, np.full(n, 1 / n), DRAWS) for n in sizes], 1)


def alike(sizes: tuple[int, ...]) -> Array:
    """What each run counts where blocks of these sizes count alike, (runs,): 1 where all are of one size."""
    return np.concatenate([np.full(n, sum(sizes) / (len(sizes) * n)) for n in sizes])


def ends(value: float, draws: Array, *sizes: int) -> tuple[float, float]:
    """Ends of a 95 % interval from draws (draws,) of strata of these sizes, as in `HOW`; NaN of fewer than `FEWEST`."""
    from scipy import special

    if min(sizes, default=0) < FEWEST or not np.isfinite(draws).all():
        return np.nan, np.nan
    freedom = sum(sizes) - len(sizes)
    stretch = (sum(sizes) / freedom) ** 0.5 * special.stdtrit(freedom, 0.975) / special.ndtri(0.975)
    low, high = value + stretch * (np.quantile(draws, (0.025, 0.975), method="hazen") - value)
    return float(low), float(high)


def few(sizes: Sequence[int]) -> str:
    """Why there is no interval, if there is none."""
    return FEW if min(sizes) < FEWEST else ""
