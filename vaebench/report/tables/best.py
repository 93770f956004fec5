"""The prior beside the best sampler of each cell."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from vaebench.report.tables.columns import quantity
from vaebench.report.tables.shown import apart
from vaebench.study.naming import metric_name
from vaebench.study.tidy import CELL

OVER = "Best sampler"
PART = "prior and best sampler"


def best(rows: pd.DataFrame, metrics: tuple[str, ...], prior: str, families: Mapping[str, str]) -> pd.DataFrame:
    """The rows of the sampler labelled ``prior``, and again those of the sampler that is best at the first of
    ``metrics``, with "prior" and "best" as parts and the name of the latter in the column `OVER`.

    Cells without a value of that metric for any sampler are left out.
    """
    rows = rows[rows["metric"].isin(metrics)]
    scores = rows[rows["metric"] == metrics[0]].dropna(subset="mean")
    ascending = quantity(metrics[0]).better == "lower"
    leaders = scores.sort_values("mean", ascending=ascending, kind="stable").drop_duplicates(CELL)
    led = rows.merge(leaders[[*CELL, "part"]].rename(columns={"part": OVER}), on=CELL)
    chosen = led[led["part"] == led[OVER]].assign(part="best")
    chosen = chosen.assign(bold=apart(chosen, families))
    both = pd.concat([led[led["part"] == prior].assign(part="prior"), chosen], ignore_index=True)
    return both.assign(**{OVER: both[OVER].map(metric_name)})
