"""HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import pandas as pd

from vaebench.report.tables.text import text

STYLE = (
    "body{font:14px sans-serif;margin:1em}table{border-collapse:collapse}"
    "th,td{padding:3px 10px;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}"
    "th:nth-child(-n+3),td:nth-child(-n+3){text-align:left}p{color:#555;font-size:12px}"
)


def html(table: pd.DataFrame, families: Mapping[str, str], note: str) -> str:
    """A `wide` table as a page, with the notes of `markdown` below it."""
    raised = "<sup>{}</sup>".format
    rows, reasons = text(table, families, escape, "<b>{}</b>".format, raised)
    head = "".join(f"<th>{cell}</th>" for cell in rows[0])
    body = [f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows[1:]]
    footnotes = [f"{raised(number)} {escape(reason)}" for number, reason in enumerate(reasons, 1)]
    return (
        f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>\n<table>\n<tr>{head}</tr>\n'
        + "\n".join(body)
        + f"\n</table>\n<p>{'<br>'.join([escape(note), *footnotes])}</p>\n"
    )
