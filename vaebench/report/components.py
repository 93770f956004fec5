"""Where a distance of test images comes from: shares of flavours, pairs, seeds and what is left in its variance.

Per block and kind of distance, log distance = mean + flavour + pair + flavour:seed + flavour:pair + rest, all random: a
seed is nested in a flavour, whose run it is, and pairs are the same for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from vaebench.evaluation.survey import DISTANCES
from vaebench.report.tables.entry import MISSING
from vaebench.study.naming import readable
from vaebench.study.tidy import BLOCK

Array = np.ndarray

NAMES = ("pair", "flavour", "flavour:pair", "flavour:seed", "rest")
COLUMNS = [*BLOCK, "distance", "component", "variance", "share", "flavours", "runs", "pairs", "n", "lost", "reason"]
HEADINGS = ("dataset", "architecture", "latent", "distance", *NAMES, "flavours", "runs", "pairs", "lost")
NOTE = (
    "Shares (%) of the variance of the logarithm of a distance over flavours, their runs and pairs of images; pair: "
    "what all flavours and seeds agree on; flavour: its scale; flavour:pair: what the seeds of a flavour agree on, and "
    "flavours do not; flavour:seed: a run's scale; rest: what no two runs agree on; estimates below 0 are set to 0; "
    "lost: distances that are missing or 0, of all."
)


def decompose(distances: pd.DataFrame) -> pd.DataFrame:
    """Components of the variance of each kind of distance in each block, in rows with `COLUMNS`.

    ``distances`` has columns dataset, architecture, flavour, latent, seed, pair, distance (of `DISTANCES`) and value.
    ``share`` is that of the sum of the components' ``variance``; ``n`` counts the distances that have a logarithm and
    ``lost`` those that have none, ``flavours``, ``runs`` and ``pairs`` those with any.
    """
    rows = [row for block, chosen in distances.groupby(BLOCK) for row in _of_block(block, chosen)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_block(block: tuple, distances: pd.DataFrame) -> Iterator[tuple]:
    kinds = dict(list(distances.groupby("distance")))
    for kind in filter(kinds.__contains__, DISTANCES):
        every = kinds[kind]
        given = every[np.isfinite(every["value"]) & (every["value"] > 0)]
        flavour, pair = (pd.factorize(given[name])[0] for name in ("flavour", "pair"))
        run = given.groupby(["flavour", "seed"]).ngroup().to_numpy()
        counts = [len(np.unique(codes)) for codes in (flavour, run, pair)]
        found = components(np.log(given["value"].to_numpy()), flavour, run, pair)
        total = sum(found.values())
        reason = ""
        if np.isnan(total):
            flavours, runs, pairs = counts
            reason = f"{flavours} flavours, {runs} runs and {pairs} pairs with distances do not tell components apart"
        elif not total:
            reason = "all distances are equal"
        for name, variance in found.items():
            share = np.nan if reason else variance / total
            yield *block, kind, name, variance, share, *counts, len(given), len(every) - len(given), reason


def components(values: Array, flavour: Array, run: Array, pair: Array) -> dict[str, float]:
    """Variances by `NAMES` of values (n,) with the numbers (n,) of the flavour, run and pair of each; NaN without data.

    What two values of a class (of one run; of one pair and flavour, but two runs; ...) differ by has twice the variance
    of what they do not share, whose mean over all couples of the class estimates it: unbiased whatever is missing, and
    of complete data the estimates of the analysis of variance (Koch 1968, Technometrics 10, 551-558). Those below 0
    are set to 0.
    """
    everywhere, cell = np.zeros_like(flavour), flavour * (pair.max(initial=0) + 1) + pair
    values = values - values.sum() / max(len(values), 1)
    of_all, of_flavour, of_pair, of_cell, of_run = (
        _couples(values, groups) for groups in (everywhere, flavour, pair, cell, run)
    )
    unshared = {  # by what a couple of values have in common
        "run": of_run,
        "flavour and pair": of_cell,
        "flavour": of_flavour - of_run - of_cell,
        "pair": of_pair - of_cell,
        "nothing": of_all - of_flavour - of_pair + of_cell,
    }
    half = {common: squares / (2 * n) if n else np.nan for common, (squares, n) in unshared.items()}
    by_pair = half["nothing"] - half["pair"]
    by_flavour = half["nothing"] - half["flavour"]
    by_seed = half["flavour"] - half["run"]
    rest = half["flavour and pair"] - by_seed
    by_both = half["run"] - rest - by_pair
    found = zip(NAMES, (by_pair, by_flavour, by_both, by_seed, rest), strict=True)
    return {name: float(np.maximum(value, 0)) for name, value in found}


def _couples(values: Array, groups: Array) -> Array:
    """Sum of the squared differences of all couples of values in one of some groups, and their number."""
    n, sums, squares = (np.bincount(groups, weights) for weights in (None, values, values**2))
    return np.array([(n * squares - sums**2).sum(), (n * (n - 1) / 2).sum()])


def markdown(table: pd.DataFrame) -> str:
    """What `decompose` gave, in Markdown: a row per block and kind of distance, a column per component."""
    lines = [HEADINGS, ["---", "---", "--:", "---", *["--:"] * (len(HEADINGS) - 4)]]
    for (dataset, architecture, latent, kind), found in table.groupby([*BLOCK, "distance"], sort=False):
        first = found.iloc[0]
        counts = [f"{first[name]}" for name in ("flavours", "runs", "pairs")]
        shares = [MISSING if first["reason"] else f"{100 * share:.1f}" for share in found["share"]]
        place = [readable(dataset), readable(architecture), f"{latent}", kind]
        lines.append([*place, *shares, *counts, f"{first['lost']} of {first['lost'] + first['n']}"])
    missing = table[table["reason"] != ""].groupby("reason", sort=False)["distance"].unique()
    notes = [NOTE, *(f"{', '.join(kinds)}: {reason}." for reason, kinds in missing.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n" + "  \n".join(notes) + "\n"
