"""From a study's results to every form of a table."""

from __future__ import annotations

import pandas as pd

from vaebench.report.tables.columns import members, named, over
from vaebench.report.tables.conditions import stated
from vaebench.report.tables.entry import MISSING
from vaebench.report.tables.html import html
from vaebench.report.tables.latex import latex
from vaebench.report.tables.markdown import markdown
from vaebench.report.tables.shown import Results, below, shown
from vaebench.report.tables.text import Table
from vaebench.report.tables.wide import wide

FORMS = {"md": markdown, "tex": latex, "html": html}


def forms(results: Results, table: str) -> dict[str, str]:
    """The texts of a table by the suffix of their files.

    Columns without any number are left out, and the note says why, unless all are.
    """
    rows, said = shown(results, table)
    line, remarks = stated(table, results.conditions)
    for where, words in below(results).items():
        remarks.setdefault(where, []).append(words)
    entries = wide(rows, members(table), results.families, signed=table == "differences", over=over(table))
    empty = entries.columns[(entries.map(str) == MISSING).all()]
    if len(empty) < len(entries.columns):
        said += _left_out(entries[empty])
        entries = entries.drop(columns=empty)
    note = "; ".join([line, *said]) + "."
    whole = Table(entries, results.families, remarks, note[0].upper() + note[1:])
    return {form: write(whole) for form, write in FORMS.items()}


def _left_out(entries: pd.DataFrame) -> list[str]:
    """What is said of columns that hold no number: metrics, parts, and the reasons that their entries give."""
    said = []
    for name, columns in entries.T.groupby(level="metric", sort=False):
        parts = ", ".join(filter(None, columns.index.get_level_values("part")))
        reasons = dict.fromkeys(entry.remark for entry in columns.to_numpy().ravel())
        said.append(f"no {named(name)}{f' ({parts})' if parts else ''}: {', '.join(reasons)}")
    return said
