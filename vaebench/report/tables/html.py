"""HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from vaebench.report.tables.entry import BELOW, MISSING, Entry
from vaebench.report.tables.sorting import SCRIPT
from vaebench.report.tables.text import Column, Laid, Marks, Page, Row

STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; color: #222; }
h1 { font-size: 1.5em; } h2 { font-size: 1.2em; margin-top: 2em; } nav p { margin: 0.2em 0; }
nav a { margin-left: 0.8em; white-space: nowrap; } .wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0 0 1.5em; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: bold; padding: 0.4em 0; }
th, td { padding: 3px 10px; text-align: left; white-space: nowrap; border-bottom: 1px solid #e4e4e4; }
.number { text-align: right; } sup { line-height: 0; }
thead th { vertical-align: bottom; border-bottom: 2px solid #555; padding: 0; }
th button { font: inherit; font-weight: bold; text-align: inherit; width: 100%; min-width: 6.5em; max-width: 12em;
  padding: 3px 10px; white-space: normal; border: 0; background: none; color: inherit; cursor: pointer; }
th button:hover { background: #eef3f8; } th button:focus-visible { outline: 2px solid #0173b2; }
th[aria-sort="ascending"] button::after { content: " \\25B2"; }
th[aria-sort="descending"] button::after { content: " \\25BC"; }
tbody + tbody { border-top: 2px solid #999; color: #555; } .first td { border-top: 1px solid #999; }
.sorted .first td { border-top: 0; } .again { color: transparent; } .sorted .again { color: inherit; }
aside { color: #555; font-size: 12px; max-width: 70em; }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd; } aside, tbody + tbody { color: #aaa; }
  th, td { border-color: #333; } th button:hover { background: #2a333c; } }
"""


def html(page: Page) -> str:
    """A page of its own, whose tables sort by the column whose heading is pressed, with the notes of `markdown`."""
    body, part = [f"<h1>{escape(page.title)}</h1>"], ""
    if len(page.sheets) > 1:
        body.append(f"<nav>{''.join(_links(page.sheets))}</nav>")
    for number, sheet in enumerate(page.sheets):
        if sheet.part != part:
            part = sheet.part
            body.append(f"<h2>{escape(_capital(part))}</h2>")
        body.append(_sheet(sheet, f"s{number}"))
    said = "<br>\n".join(f"{_raised([number])} {escape(remark)}" for number, remark in enumerate(page.footnotes, 1))
    return _document(page.title, body, page.notes, said)


def of_markdown(title: str, page: str) -> str:
    """Tables, their headings and notes, as `vaebench.report.statistics` write them in Markdown: a page to sort."""
    title = _capital(title)
    body: list[str] = []
    links: list[str] = []
    notes: list[str] = []
    for block in page.strip().split("\n\n"):
        if block.startswith("|"):
            body.append(_of_markdown(block))
        elif block.startswith("## "):
            place, heading = f"s{len(links)}", escape(block.removeprefix("## "))
            links.append(f'<p><a href="#{place}">{heading}</a></p>')
            body.append(f'<h2 id="{place}">{heading}</h2>')
        else:
            notes += block.split("  \n")
    start = [f"<h1>{escape(title)}</h1>", *[f"<nav>{''.join(links)}</nav>"] * bool(links)]
    return _document(title, [*start, *body], notes, "")


def _of_markdown(table: str) -> str:
    heads, rule, *rows = (line[2:-2].split(" | ") for line in table.splitlines())
    kinds = ["number" if side.endswith(":") else "name" for side in rule]
    head = "".join(_head(label, "ascending", kind, "") for label, kind in zip(heads, kinds, strict=True))
    lines = ("".join(_plain(text, kind) for text, kind in zip(row, kinds, strict=True)) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _document(title: str, body: Sequence[str], notes: Sequence[str], said: str) -> str:
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + f"\n<aside><ul>{listed}</ul>\n<p>{said}</p></aside>\n<script>{SCRIPT}</script>\n</body></html>\n"
    )


def _plain(text: str, kind: str) -> str:
    """A cell, which sorts by the number that it begins with, if any."""
    text = re.sub(r"\\(\W)", r"\1", text)  # what Markdown would take for markup is escaped
    number = re.match(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", text)
    value = f' data-value="{float(number[0])}"' if number and kind == "number" else ""
    return f'<td class="{kind}"{value}>{escape(text)}</td>'


def _links(sheets: Sequence[Laid]) -> Iterator[str]:
    """To the sheets, those of a part in one paragraph."""
    for part, group in groupby(enumerate(sheets), lambda item: item[1].part):
        links = " ".join(f'<a href="#s{number}">{escape(sheet.block)}</a>' for number, sheet in group)
        yield f"<p>{f'{escape(_capital(part))}: ' if part else ''}{links}</p>"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sheet(sheet: Laid, name: str) -> str:
    names = "".join(_head(label, "ascending", "name", "") for label in ("Family", *sheet.names))
    numbers = "".join(map(_column, sheet.columns))
    bodies = []
    for control in (False, True):
        rows = [row for row in sheet.rows if row.control is control]
        families = ["", *(row.family for row in rows)]
        lines = [_row(row, first=row.family != before) for row, before in zip(rows, families, strict=False)]
        bodies.append("<tbody>\n" + "\n".join(lines) + "\n</tbody>" if lines else "<tbody></tbody>" * (not control))
    return (
        f'<div class="wide" tabindex="0" role="region" aria-labelledby="{name}c"><table id="{name}">'
        f'<caption id="{name}c">{escape(sheet.block)}{_raised(sheet.marks)}</caption>\n'
        f"<thead><tr>{names}{numbers}</tr></thead>\n" + "\n".join(bodies) + "</table></div>"
    )


def _column(column: Column) -> str:
    first = "descending" if column.better == "higher" else "ascending"
    text = re.sub(" (?=[↑↓])", "\N{NO-BREAK SPACE}", column.text)
    return _head(text, first, "number", _raised(column.marks))


def _head(text: str, first: str, kind: str, raised: str) -> str:
    button = f'<button type="button">{escape(text)}{raised}</button>'
    return f'<th scope="col" class="{kind}" aria-sort="none" data-first="{first}">{button}</th>'


def _row(row: Row, *, first: bool) -> str:
    kind = "name" if first else "name again"
    family = f'<td class="{kind}">{escape(row.family)}</td>'
    cells = [
        f'<td class="name" data-name="{escape(name)}">{escape(name)}{_raised(marks)}</td>' for name, marks in row.names
    ]
    cells += [_cell(entry, marks) for entry, marks in row.entries]
    return ('<tr class="first">' if first else "<tr>") + family + "".join(cells) + "</tr>"


def _cell(entry: Entry, marks: Marks) -> str:
    text = escape(entry.text) + BELOW * entry.below
    text = f"<b>{text}</b>" if entry.bold else text
    value = str(entry.value).replace("inf", "Infinity")
    known = "" if entry.text == MISSING else f' data-value="{value}"'
    return f'<td class="number"{known}>{text}{_raised(marks)}</td>'


def _raised(marks: Marks) -> str:
    return f"<sup>{', '.join(map(str, marks))}</sup>" if marks else ""
