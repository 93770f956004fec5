"""Do seeds agree on which flavour is better: Spearman's correlation of couples of seeds over flavours.

Within each block, on the same test images: what a study of one seed could have said of the next.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd

from vaebench.report.statistics._page import KEY, conditions, page_of_numbers, reasons, sizes
from vaebench.report.statistics.metric_correlation import FEWEST_FLAVOURS
from vaebench.report.tables.entry import MISSING
from vaebench.study.naming import block_name
from vaebench.study.tidy import BLOCK

INPUTS = ("metrics",)
COLUMNS = [*KEY, *BLOCK, "correlation", "least", "most", "firsts", "flavours", "seeds", "reason"]


def seed_agreement(metrics: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`, one of each number and block, controls aside.

    ``correlation`` is the mean over couples of ``seeds``, ``least`` and ``most`` those of a couple, of the flavours
    that both have, at least `FEWEST_FLAVOURS`; ``flavours`` is the fewest of these. ``firsts`` are the flavours that
    are first with a seed, and with how many: "vamp:2 iwae:1".
    """
    rows = metrics[~metrics["control"] & np.isfinite(metrics["value"])]
    rows = rows.assign(score=rows["value"] * rows["sign"])
    found = [(*place, *_of(given)) for place, given in rows.groupby([*KEY, *BLOCK])]
    return pd.DataFrame(found, columns=COLUMNS)


def _of(rows: pd.DataFrame) -> tuple:
    scores = rows.pivot(index="flavour", columns="seed", values="score")
    flavours, seeds = scores.shape
    first = Counter(flavour for _, values in scores.items() for flavour in values.index[values == values.max()])
    firsts = " ".join(f"{flavour}:{count}" for flavour, count in sorted(first.items(), key=lambda of: (-of[1], of[0])))
    if seeds < 2:
        return np.nan, np.nan, np.nan, firsts, flavours, seeds, "fewer than 2 seeds have values"
    couples = np.triu_indices(seeds, 1)
    given = scores.notna().to_numpy().astype(int)
    both = (given.T @ given)[couples]
    each = scores.corr(method="spearman", min_periods=FEWEST_FLAVOURS).to_numpy()[couples]
    told = np.isfinite(each)
    if not told.any():
        few = both.max() < FEWEST_FLAVOURS
        reason = f"no two seeds have {FEWEST_FLAVOURS} flavours" if few else "all flavours are equal with a seed"
        return np.nan, np.nan, np.nan, firsts, both.max(), seeds, reason
    known = each[told]
    return known.mean(), known.min(), known.max(), firsts, both[told].min(), seeds, ""


def markdown(table: pd.DataFrame) -> str:
    """A row per number: over all blocks, and the blocks in which seeds agree least and most."""
    headings = ("mean", "least", "most", "one first", "blocks", "flavours", "seeds")
    lines = []
    for (_, part, name), every in table.groupby(KEY, sort=False):
        found = every.dropna(subset="correlation").sort_values(["correlation", *BLOCK])
        told = [MISSING] * 4
        if len(found):
            alone = [_alone(firsts, seeds) for firsts, seeds in zip(found["firsts"], found["seeds"], strict=True)]
            ends = [f"{row.correlation:.2f} ({block_name(*(getattr(row, name) for name in BLOCK))})"
                    for row in found.iloc[[0, -1][: len(found)]].itertuples()]  # fmt: skip
            ends += [MISSING] * (2 - len(ends))  # of one block there is no other
            told = [f"{found['correlation'].mean():.2f}", *ends, f"{sum(alone)} of {len(alone)}"]
        counted = found if len(found) else every
        lines.append((part, name, [*told, f"{len(found)}", *sizes(counted["flavours"], counted["seeds"])]))
    notes = [
        "Spearman's correlation over flavours of the values of two seeds on the same test images, mean over couples of "
        "seeds, and over blocks; least and most: of a block. At 1 any seed orders flavours as the others do, at 0 the "
        "order of one says nothing of the next. One first: blocks in which one flavour alone is the best with every "
        "seed.",
        conditions(table),
        *reasons(table),
    ]
    return page_of_numbers(headings, lines, notes, "r--rrrr")


def _alone(firsts: str, seeds: int) -> bool:
    """Whether one flavour, and no other, is first with all seeds."""
    return firsts.count(":") == 1 and firsts.endswith(f":{seeds}")
