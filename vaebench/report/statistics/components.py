"""Where a distance of test images comes from: shares of flavours, pairs, seeds and what is left in its variance.

Per block and kind of distance, log distance = mean + flavour + pair + flavour:seed + flavour:pair + rest, all random: a
seed is nested in a flavour, whose run it is, and pairs are the same for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from vaebench.evaluation.survey import DISTANCES
from vaebench.report.statistics import _components
from vaebench.report.statistics._page import page
from vaebench.report.tables.entry import MISSING
from vaebench.study.naming import readable
from vaebench.study.tidy import BLOCK

INPUTS = ("distances",)
NAMES = ("pair", "flavour", "flavour:pair", "flavour:seed", "rest")
COLUMNS = [*BLOCK, "distance", "component", "variance", "share", "flavours", "runs", "pairs", "n", "lost", "reason"]
HEADINGS = ("dataset", "architecture", "latent", "distance", *NAMES, "flavours", "runs", "pairs", "lost")
NOTE = (
    "Shares (%) of the variance of the logarithm of a distance over flavours, their runs and pairs of images; pair: "
    "what all flavours and seeds agree on; flavour: its scale; flavour:pair: what the seeds of a flavour agree on, and "
    "flavours do not; flavour:seed: a run's scale; rest: what no two runs agree on; estimates below 0 are set to 0; "
    "flavours count alike however many runs they have; lost: distances that are missing or 0, of all."
)


def components(distances: pd.DataFrame) -> pd.DataFrame:
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
        factors = {name: pd.factorize(given[name])[0] for name in ("flavour", "pair", "seed")}
        run = given.groupby(["flavour", "seed"]).ngroup()
        counts = [codes.nunique() for codes in (given["flavour"], run, given["pair"])]
        alike = 1 / given.groupby(["flavour", "pair"])["value"].transform("size").to_numpy()
        found = _components.components(np.log(given["value"].to_numpy()), factors, NAMES[:-1], alike)
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


def markdown(table: pd.DataFrame) -> str:
    """A row per block and kind of distance, a column per component."""
    lines = []
    for (dataset, architecture, latent, kind), found in table.groupby([*BLOCK, "distance"], sort=False):
        first = found.iloc[0]
        counts = [f"{first[name]}" for name in ("flavours", "runs", "pairs")]
        shares = [MISSING if first["reason"] else f"{100 * share:.1f}" for share in found["share"]]
        place = [readable(dataset), readable(architecture), f"{latent}", kind]
        lines.append([*place, *shares, *counts, f"{first['lost']} of {first['lost'] + first['n']}"])
    missing = table[table["reason"] != ""].groupby("reason", sort=False)["distance"].unique()
    notes = [NOTE, *(f"{', '.join(kinds)}: {reason}." for reason, kinds in missing.items())]
    return page(HEADINGS, lines, notes, "--r-" + "r" * (len(HEADINGS) - 4))
