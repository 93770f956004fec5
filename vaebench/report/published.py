"""Published values beside our own: one row per claim, with its source and what differs in the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from vaebench.study.naming import metric_name

HEADINGS = ("row", "dataset", "latent", "metric", "published", "ours", "difference", "source", "what differs")


def compare(summary: pd.DataFrame, claims: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A row per claim (fields of `vaebench.study.config.Published`), in their order.

    ``ours``, its 95 % interval ``low`` to ``high`` over ``n`` seeds and ``difference`` (ours less the published value)
    are missing where the cell was not run.
    """
    stated = pd.DataFrame([{"row": label} | dict(claim) for label, claim in claims.items()])
    ours = summary.rename(columns={"flavour": "row", "mean": "ours"})
    keys = ["row", "dataset", "latent", "metric"]
    table = stated.merge(ours[[*keys, "n", "ours", "low", "high"]], how="left", on=keys)
    table["difference"] = table["ours"] - table["value"]
    return table[[*keys, "value", "interval", "ours", "low", "high", "n", "difference", "source", "differences"]]


def markdown(table: pd.DataFrame) -> str:
    """What `compare` gave, in Markdown, in nats."""
    lines = [HEADINGS, ["---", "---", "--:", "---", "--:", "--:", "--:", "---", "---"]]
    for row in table.itertuples():
        cells = [row.row, row.dataset, str(row.latent), metric_name(row.metric), _number(row.value, row.interval)]
        if pd.isna(row.ours):
            cells += ["not run", ""]
        else:
            cells += [_number(row.ours, (row.high - row.low) / 2), f"{row.difference:+.2f}"]
        lines.append([*cells, row.source, row.differences])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _number(value: float, half: float | None) -> str:
    return f"{value:.2f}" if half is None or pd.isna(half) else f"{value:.2f} ± {half:.2f}"
