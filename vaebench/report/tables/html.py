"""HTML."""

from __future__ import annotations

from html import escape

from vaebench.report.tables.text import Table, text

STYLE = (
    "body{font:14px sans-serif;margin:1em}table{border-collapse:collapse}"
    "th,td{padding:3px 10px;text-align:right;border-bottom:1px solid #ddd;white-space:nowrap}"
    "th:nth-child(-n+3),td:nth-child(-n+3){text-align:left}p{color:#555;font-size:12px}"
)


def html(table: Table) -> str:
    """A page, with the notes of `markdown` below the table."""
    raised = "<sup>{}</sup>".format
    rows, remarks = text(table, escape, "<b>{}</b>".format, raised)
    head = "".join(f"<th>{cell}</th>" for cell in rows[0])
    body = [f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows[1:]]
    footnotes = [f"{raised(number)} {escape(remark)}" for number, remark in enumerate(remarks, 1)]
    return (
        f'<!doctype html><meta charset="utf-8"><style>{STYLE}</style>\n<table>\n<tr>{head}</tr>\n'
        + "\n".join(body)
        + f"\n</table>\n<p>{'<br>'.join([escape(table.note), *footnotes])}</p>\n"
    )
