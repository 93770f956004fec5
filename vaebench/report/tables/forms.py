"""From a study's results to every form of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from vaebench.report import results as folders
from vaebench.report.summary import summarise, whole
from vaebench.report.tables import best, columns
from vaebench.report.tables.conditions import stated
from vaebench.report.tables.entry import MISSING
from vaebench.report.tables.html import html
from vaebench.report.tables.latex import latex
from vaebench.report.tables.markdown import markdown
from vaebench.report.tables.sheets import Sheet, blocks, sheets
from vaebench.report.tables.shown import Results, below, no_better, shown
from vaebench.report.tables.text import Table, laid
from vaebench.report.tables.wide import wide

FORMS = {"md": markdown, "tex": latex, "html": html}


def pages(folder: folders.Results, families: Mapping[str, str], tables: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names of files, and what they hold: tables of a folder of results, in every form. Raises `VaebenchError`."""
    results = Results(
        families,
        folder.conditions,
        summary=folder.summary,
        compute=summarise(whole(folder.needed("compute"))),
        differences=folder.needed("differences"),
        agreement=folder.needed("agreement") if "agreement" in tables else None,
    )
    for table in tables:
        for form, text in forms(results, table).items():
            yield f"{table}.{form}", text


def forms(results: Results, table: str) -> dict[str, str]:
    """The texts of a table by the suffix of their files.

    Columns without any number are left out, and the note says why, unless all are.
    """
    rows, said = shown(results, table)
    line, remarks = stated(table, results.conditions)
    for where, words in below(results).items():
        remarks.setdefault(where, []).append(words)
    first, chosen = _headline(results, table, rows)
    over = columns.over(table)
    every = rows.assign(**{over: rows["part"], "part": ""}) if over else rows
    entries = wide(every, columns.members(table), results.families, signed=table == "differences", over=over)
    empty = entries.columns[(entries.map(str) == MISSING).all()]
    if len(empty) < len(entries.columns):
        said += _left_out(entries[empty])
        entries = entries.drop(columns=empty)
    found = list(sheets(table, entries))
    if first:
        found = [*first, *(sheet._replace(part=f"every sampler: {sheet.part}".rstrip(": ")) for sheet in found)]
    notes = [line, *said, *chosen]
    if any((sheet.entries.map(str) == MISSING).to_numpy().any() for sheet in found):
        notes.append(
            f"{MISSING}: no value, for the reason that a footnote says there, at the row's name or the column's"
        )
    notes.append(f"all digits: {columns.source(table)}")
    notes = [note[0].upper() + note[1:] for note in notes]
    page = laid(Table(columns.title(table), found, results.families, remarks, notes))
    return {form: write(page) for form, write in FORMS.items()}


def _headline(results: Results, table: str, rows: pd.DataFrame) -> tuple[list[Sheet], list[str]]:
    """Sheets that hold the best sampler against the prior, and what is said of them, where there are several."""
    metrics = columns.headline(table)
    if not rows["metric"].isin(metrics).any():
        return [], []
    prior, samplers = _samplers(results)
    if len(samplers) < 2:
        return [], []
    held = best.best(rows, metrics, prior, results.families)
    entries = wide(held.assign(below=no_better(results, held)), metrics, results.families, over=best.OVER)
    name = columns.named(metrics[0])
    said = f"best sampler: of {len(samplers)} the one with a flavour's best {name} in this table, which flatters it"
    return list(blocks(best.PART, entries)), [said]


def _samplers(results: Results) -> tuple[str, list[str]]:
    """The label of the prior among those of samplers ("" if it is none of them), and all of them."""
    labels = {label: choice["name"] for cell in results.conditions for label, choice in cell["samplers"].items()}
    return next((label for label, name in labels.items() if name == "prior"), ""), list(labels)


def _left_out(entries: pd.DataFrame) -> list[str]:
    """What is said of columns that hold no number: metrics, parts, and the reasons that their entries give."""
    said = []
    for name, found in entries.T.groupby(level="metric", sort=False):
        parts = ", ".join(filter(None, found.index.get_level_values("part")))
        reasons = dict.fromkeys(entry.remark for entry in found.to_numpy().ravel())
        said.append(f"no {columns.named(name)}{f' ({parts})' if parts else ''}: {', '.join(reasons)}")
    return said
