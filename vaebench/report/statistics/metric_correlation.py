"""Do metrics agree on which flavour is better: Spearman's correlation of couples of metrics over flavours.

Within each block, of means over seeds, each metric turned so that more is better; then the mean over blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from vaebench.report.statistics._page import KEY, conditions, metric, page_of_numbers, reasons, sizes
from vaebench.study.tidy import BLOCK

INPUTS = ("summary",)
FEWEST_FLAVOURS = 5
NUMBER = ["part", "metric"]
COLUMNS = [*KEY, "other_part", "other_metric", "correlation", "least", "most", "blocks", "flavours", "reason"]


def metric_correlation(summary: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`, one of each couple; ``least`` and ``most`` are the correlations of the blocks.

    ``blocks`` are those where at least `FEWEST_FLAVOURS` have both and neither is one for all; ``flavours`` is the
    fewest of these.
    """
    rows = summary[~summary["control"]]
    rows = rows.assign(score=(rows["mean"] * rows["sign"]).where(np.isfinite(rows["mean"])))
    found = [row for name, given in rows.groupby("conditions") for row in _of(str(name), given)]
    return pd.DataFrame(found, columns=COLUMNS)


def _of(name: str, rows: pd.DataFrame) -> Iterator[tuple]:
    numbers = pd.MultiIndex.from_frame(rows[NUMBER].drop_duplicates().sort_values(NUMBER))
    blocks = [
        block.pivot(index="flavour", columns=NUMBER, values="score").reindex(columns=numbers)
        for _, block in rows.groupby(BLOCK)
    ]
    counts = np.array([_both(block) for block in blocks])
    found = np.array([block.corr(method="spearman", min_periods=FEWEST_FLAVOURS).to_numpy() for block in blocks])
    for one in range(len(numbers)):
        for other in range(one):
            each, of = found[:, one, other], counts[:, one, other]
            known = ~np.isnan(each)
            place = (name, *numbers[one], *numbers[other])
            if known.any():
                given = each[known]
                yield *place, given.mean(), given.min(), given.max(), known.sum(), of[known].min(), ""
            else:
                enough = (of >= FEWEST_FLAVOURS).any()
                reason = "one is the same for all" if enough else f"fewer than {FEWEST_FLAVOURS} flavours have both"
                yield *place, np.nan, np.nan, np.nan, 0, of.max(initial=0), reason


def _both(block: pd.DataFrame) -> np.ndarray:
    """How many flavours have both of two numbers, (numbers, numbers)."""
    given = block.notna().to_numpy().astype(int)
    return given.T @ given


def markdown(table: pd.DataFrame) -> str:
    """A row per number: what agrees with it most, and what contradicts it most."""
    other = {"part": "other_part", "metric": "other_metric"}
    turned = table.rename(columns=other | {value: key for key, value in other.items()})
    both = pd.concat([table, turned[COLUMNS]]).dropna(subset="correlation")
    lines = []
    for (_, part, name), found in both.groupby(KEY):
        ordered = found.sort_values(["correlation", *other.values()], ascending=[False, True, True])
        ends = [ordered.iloc[0], ordered.iloc[-1]]
        told = [
            f"{metric(row['other_part'], row['other_metric'])}: {row['correlation']:.2f} "
            f"[{row['least']:.2f}, {row['most']:.2f}]"
            for row in ends
        ]
        lines.append((part, name, [*told, *sizes(found["blocks"], found["flavours"])]))
    notes = [
        "Spearman's correlation over flavours of means over seeds, each metric turned so that more is better: mean "
        "over blocks (dataset, architecture, latent size), in brackets the least and the greatest of the blocks, which "
        "are no interval. Flavours of one family are not independent, so there is no p.",
        conditions(table),
        *reasons(table),
    ]
    return page_of_numbers(("agrees most with", "least with", "blocks", "flavours"), lines, notes, "--rr")
