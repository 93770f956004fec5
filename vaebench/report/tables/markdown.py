"""Markdown."""

from __future__ import annotations

from vaebench.report.tables.entry import BELOW, Entry
from vaebench.report.tables.text import Laid, Marks, Page


def markdown(page: Page) -> str:
    """A section for each part with its sheets, the notes as a list below them, then the footnotes."""
    lines, part = [f"# {page.title}", ""], ""
    for sheet in page.sheets:
        if sheet.part != part:
            part = sheet.part
            lines += [f"## {part[0].upper()}{part[1:]}", ""]
        lines += [f"### {sheet.block}{_raised(sheet.marks)}", "", *_rows(sheet), ""]
    lines += [f"- {note}" for note in page.notes]
    said = [f"{_raised([number])} {remark}" for number, remark in enumerate(page.footnotes, 1)]
    return "\n".join(lines) + "\n" + ("\n" + "  \n".join(said) + "\n" if said else "")


def _rows(sheet: Laid) -> list[str]:
    """Flavours under the name of their family, controls below an empty row."""
    head = ["Family", *sheet.names, *(_safe(column.text) + _raised(column.marks) for column in sheet.columns)]
    rule = ["---"] * (1 + len(sheet.names)) + ["--:"] * len(sheet.columns)
    lines, family, flavour = [head, rule], "", ""
    for row in sheet.rows:
        if row.control and family and family != row.family:
            lines.append([""] * len(head))
        name, *others = (_safe(text) + _raised(marks) for text, marks in row.names)
        again = others and name == flavour
        cells = ["" if row.family == family else row.family, "" if again else name, *others]
        lines.append(cells + [_text(entry) + _raised(marks) for entry, marks in row.entries])
        family, flavour = row.family, name
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _text(entry: Entry) -> str:
    text = _safe(entry.text) + BELOW * entry.below
    return f"**{text}**" if entry.bold else text


def _raised(marks: Marks) -> str:
    return f"<sup>{', '.join(map(str, marks))}</sup>" if marks else ""


def _safe(plain: str) -> str:
    return plain.replace("|", r"\|")
