"""Markdown."""

from __future__ import annotations

from vaebench.report.tables.text import Table, text


def markdown(table: Table) -> str:
    """Rows, the note below them, then the footnotes."""
    raised = "<sup>{}</sup>".format
    rows, remarks = text(table, lambda plain: plain.replace("|", r"\|"), "**{}**".format, raised)
    rule = ["---", "---", "---", "--:"] + ["---"] * (table.entries.index.nlevels - 4)
    rule += ["--:"] * len(table.entries.columns)
    lines = [f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]]]
    footnotes = [f"{raised(str(number))} {remark}" for number, remark in enumerate(remarks, 1)]
    return "\n".join(lines) + "\n\n" + "  \n".join([table.note, *footnotes]) + "\n"
