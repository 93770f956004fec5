"""Which flavour is best at what, and is it told from the rest: differences from the best, paired by seed and image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from vaebench.report.statistics._page import KEY, conditions, page_of_numbers
from vaebench.report.tables.entry import MISSING, number
from vaebench.study.naming import readable
from vaebench.study.tidy import BLOCK, CELL

INPUTS = ("summary", "differences")
NUMBERS = ["n", "images", "mean", "rank"]
COLUMNS = [*BLOCK, *KEY, "flavour", *NUMBERS, "against", "difference", "low", "high", "standing", "reason"]
CAVEAT = (
    "95 % intervals are of one difference each (over seeds, of three or more, and test images): that the best was "
    "chosen as such from all flavours is not corrected for"
)


def best(summary: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`, in each block and of each number the best first, controls and what is missing last.

    ``difference`` is the mean of a flavour less that of the best, ``against``, in the metric's unit, with its interval
    (`vaebench.report.differences.compare`); without one it is that of the means. ``n`` counts the seeds, and
    ``images`` the test images that both have (0: the number is no mean over images). ``standing`` is "best", "tied"
    (the interval holds 0), "worse", "untold" (there is no interval, ``reason``), "control" or "missing".
    """
    paired = differences.loc[differences["role"] == "best", [*CELL, "part", "metric", "against", "images"]]
    ends = differences.loc[paired.index, ["mean", "low", "high", "reason"]].add_prefix("paired_")
    rows = summary.merge(paired.join(ends), how="left", on=[*CELL, "part", "metric"])
    found = [(*key, *row) for key, given in rows.groupby([*BLOCK, *KEY]) for row in _of(given)]
    return pd.DataFrame(found, columns=COLUMNS).astype({"rank": "Int64", "images": "Int64"})


def _of(rows: pd.DataFrame) -> Iterator[tuple]:
    ranked = ~rows["control"] & rows["mean"].notna()
    score = (rows["mean"] * rows["sign"]).where(ranked)
    rows = rows.assign(rank=score.rank(ascending=False, method="min"), score=score)
    rows = rows.sort_values(["rank", "control", "flavour"])
    leaders = rows[rows["rank"] == 1]
    chosen = leaders["against"].iloc[0] if len(leaders) else ""
    first = leaders[leaders["flavour"] == chosen] if chosen in {*leaders["flavour"]} else leaders[:1]
    rows = pd.concat([first, rows.drop(first.index)])
    leader, mean = ("", np.nan) if first.empty else first[["flavour", "mean"]].iloc[0]
    for row in rows.itertuples():
        images = 0 if np.isnan(row.images) else int(row.images)
        facts = (row.flavour, row.n, images, row.mean)
        if np.isnan(row.rank):
            standing = "control" if row.control else "missing"
            yield *facts, pd.NA, "", np.nan, np.nan, np.nan, standing, row.reason
        elif row.flavour == leader:
            yield *facts, 1, leader, 0.0, 0.0, 0.0, "best", ""
        else:
            known = row.against == leader and np.isfinite(row.paired_low)
            difference, low, high, reason = row.mean - mean, np.nan, np.nan, "no paired differences are given"
            if row.against == leader:
                difference, low, high, reason = row.paired_mean, row.paired_low, row.paired_high, row.paired_reason
            standing = ("tied" if low <= 0 <= high else "worse") if known else "untold"
            yield *facts, int(row.rank), leader, difference, low, high, standing, reason


def verdict(rows: pd.DataFrame) -> str:
    """Which flavour of a block is best at one number, and whether that is sure, in one sentence."""
    ranked = rows[rows["rank"].notna()]
    if ranked.empty:
        return "No flavour has a value."
    name, others = readable(ranked["flavour"].iloc[0]), ranked[ranked["standing"] != "best"]
    if others.empty:
        return f"{name} is the only flavour with a value."
    tied, untold = (
        [readable(flavour) for flavour in others.loc[others["standing"] == standing, "flavour"]]
        for standing in ("tied", "untold")
    )
    count = len(others)
    if len(untold) == count:
        causes = "; ".join(sorted({*others["reason"]} - {""}))
        return f"{name} has the best mean of {count + 1}; whether it is the best is not known: {causes}."
    said = f"told from {count - len(tied) - len(untold)} of the {count} others at 95 %"
    if not tied and not untold:
        return f"{name} is the best, {said.replace(f'{count} of the {count} others', f'all {count} others')}."
    parts = [f"not from {', '.join(tied)}"] * bool(tied) + [f"without an interval: {', '.join(untold)}"] * bool(untold)
    return f"{name} has the best mean, {said}; {'; '.join(parts)}."


def markdown(table: pd.DataFrame) -> str:
    """A row per block and number: the best, the runner-up, and how many are told from the best."""
    headings = ("dataset", "architecture", "latent", "best", "runner-up", "difference")
    counts = ("worse", "tied", "untold")
    lines = []
    for (dataset, architecture, latent, _, part, name), found in table.groupby([*BLOCK, *KEY], sort=False):
        ranked = found[found["rank"].notna()]
        if ranked.empty:
            continue
        first, second = ranked.iloc[0], ranked.iloc[1] if len(ranked) > 1 else None
        told = [f"{readable(first['flavour'])} ({number(first['mean'])})", MISSING, MISSING]
        if second is not None:
            ends = (second["difference"], second["low"], second["high"])
            told[1:] = [readable(second["flavour"]), number(*ends, bracketed=True, signed=True)]
        place = [readable(dataset), readable(architecture), f"{latent}"]
        numbers = [f"{(ranked['standing'] == standing).sum()}" for standing in counts]
        lines.append((part, name, [*place, *told, *numbers, *_sizes(ranked)]))
    notes = [
        "The flavour with the best mean over seeds and the one after it; difference: of the runner-up from the best, "
        "paired by seed and image. Worse: how many flavours are told from the best; tied: how many are not, as their "
        f"interval holds 0; untold: how many have no interval. {CAVEAT}.",
        conditions(table),
    ]
    return page_of_numbers((*headings, *counts, "seeds", "images"), lines, notes, "--r--rrrrrr")


def _sizes(ranked: pd.DataFrame) -> list[str]:
    return [f"{ranked['n'].max()}", f"{ranked['images'].max()}"]
