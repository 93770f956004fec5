"""Published values beside our own: one row per claim, with its source and what differs in the protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from vaebench.report.tables.columns import named
from vaebench.report.tables.html import of_markdown

HEADINGS = (
    "row", "dataset", "latent", "metric", "published", "ours", "images", "difference", "verdict", "source",
    "what differs",
)  # fmt: skip
NOTE = (
    "Published: value ± what its source gives. Ours: mean over seeds ± half-width of the 95 % Student interval (three "
    "seeds or more) or [least, greatest value] (two); images: its standard error over test images, which the interval "
    "does not hold. Verdict: within, if the published value lies in our interval or ours in its; explained, if ours "
    "lies outside, on the side to which the configuration expects the stated differences of protocol to put it; open "
    "otherwise."
)


def forms(summary: pd.DataFrame, claims: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The texts of what `compare` gives, by the suffix of their files."""
    table = compare(summary, claims)
    page = markdown(table)
    return {"csv": table.to_csv(index=False), "md": page, "html": of_markdown("Published values", page)}


def compare(summary: pd.DataFrame, claims: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A row per claim (fields of `vaebench.study.config.Published`), in their order.

    ``ours``, the columns of `vaebench.report.summary.summarise` that say how sure it is, and ``difference`` (ours less
    the published value) are missing where the cell was not run; its ``verdict`` is "not run" then, else as `NOTE` says.
    """
    stated = pd.DataFrame([{"row": label} | dict(claim) for label, claim in claims.items()])
    ours = summary.rename(columns={"flavour": "row", "mean": "ours"})
    keys, sure = ["row", "dataset", "latent", "metric"], ["low", "high", "lowest", "highest", "error", "n"]
    table = stated.merge(ours[[*keys, "ours", *sure]], how="left", on=keys)
    table["difference"] = table["ours"] - table["value"]
    table["verdict"] = [_verdict(row) for row in table.itertuples()]
    return table[[*keys, "value", "interval", "ours", *sure, "difference", "verdict", "source", "differences"]]


def _verdict(row: Any) -> str:
    if pd.isna(row.ours):
        return "not run"
    low, high = _ends(row)
    half = 0.0 if pd.isna(row.interval) else row.interval
    if low <= row.value <= high or abs(row.difference) <= half:
        return "within"
    side = "higher" if row.difference > 0 else "lower"
    return "explained" if row.differences and row.expected == side else "open"


def _ends(row: Any) -> tuple[float, float]:
    """The interval that the table shows of ours: of one seed its value."""
    return (row.lowest, row.highest) if np.isnan(row.low) else (row.low, row.high)


def markdown(table: pd.DataFrame) -> str:
    """What `compare` gave, in Markdown, in nats."""
    lines = [HEADINGS, ["---", "---", "--:", "---", "--:", "--:", "--:", "--:", "---", "---", "---"]]
    for row in table.itertuples():
        cells = [row.row, row.dataset, str(row.latent), named(row.metric), _number(row.value, row.interval)]
        if pd.isna(row.ours):
            cells += ["", "", ""]
        else:
            error = "" if np.isnan(row.error) else f"{row.error:.2f}"
            cells += [_ours(row), error, f"{row.difference:+.2f}"]
        lines.append([*cells, row.verdict, _safe(row.source), _safe(row.differences)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{NOTE}\n"


def _safe(text: str) -> str:
    """A configuration's text as one cell of Markdown, in which nothing is markup but an address."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(text.split()))


def _ours(row: Any) -> str:
    if np.isnan(row.low) and row.n > 1:
        return f"{row.ours:.2f} [{row.lowest:.2f}, {row.highest:.2f}]"
    return _number(row.ours, (row.high - row.low) / 2)


def _number(value: float, half: float | None) -> str:
    return f"{value:.2f}" if half is None or pd.isna(half) else f"{value:.2f} ± {half:.2f}"
