"""Markdown."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from vaebench.report.tables.text import text


def markdown(table: pd.DataFrame, families: Mapping[str, str], note: str) -> str:
    """A `wide` table: best values bold, ``note`` below it, then the reasons for missing values."""
    raised = "<sup>{}</sup>".format
    rows, reasons = text(table, families, lambda plain: plain.replace("|", r"\|"), "**{}**".format, raised)
    rule = ["---", "---", "---", "--:"] + ["--:"] * len(table.columns)
    lines = [f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]]]
    footnotes = [f"{raised(number)} {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join(lines) + "\n\n" + "  \n".join([note, *footnotes]) + "\n"
