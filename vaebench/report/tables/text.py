"""What all forms of a table share: its rows, whose numbers have footnotes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from vaebench.report.tables.best import OVER
from vaebench.report.tables.columns import heading, quantity
from vaebench.report.tables.conditions import Place
from vaebench.report.tables.entry import MISSING, Entry
from vaebench.report.tables.sheets import Sheet
from vaebench.study import catalogue
from vaebench.study.naming import CONTROLS, block_name, metric_name, readable

Marks = Sequence[int]  # numbers of footnotes


class Table(NamedTuple):
    """A table for people: its sheets, the families of the flavours, what is said of a cell as a whole by its place,
    and the notes below them.
    """

    title: str
    sheets: Sequence[Sheet]
    families: Mapping[str, str]
    remarks: Mapping[Place, Sequence[str]]
    notes: Sequence[str]


class Column(NamedTuple):
    """The heading of numbers, which of them are better, and its footnotes."""

    text: str
    better: str | None
    marks: Marks


class Row(NamedTuple):
    """A flavour (and what else the row is of) in its family, and its entries, all with their footnotes."""

    family: str
    control: bool
    names: Sequence[tuple[str, Marks]]
    entries: Sequence[tuple[Entry, Marks]]


class Laid(NamedTuple):
    """A sheet as all forms show it, with the footnotes of its block; ``names`` head the names of a row."""

    part: str
    block: str
    marks: Marks
    names: Sequence[str]
    columns: Sequence[Column]
    rows: Sequence[Row]


class Page(NamedTuple):
    """All that the forms of a table show."""

    title: str
    sheets: Sequence[Laid]
    notes: Sequence[str]
    footnotes: Sequence[str]


def laid(table: Table) -> Page:
    """A table's sheets with the numbers of its footnotes, and these in their order.

    What is said of all flavours of a block is said at its heading. Why values are missing is said once: at a column if
    all that it lacks have one reason, else at a row if all that it lacks besides have one, else at the value. Of one
    value it is said there.
    """
    footnotes: dict[str, int] = {}

    def numbers(remarks: Iterable[str]) -> list[int]:
        return sorted({footnotes.setdefault(remark, len(footnotes) + 1) for remark in remarks if remark})

    sheets = [_laid(sheet, table, numbers) for sheet in table.sheets]
    return Page(table.title, sheets, table.notes, list(footnotes))


def _laid(sheet: Sheet, table: Table, numbers: Callable[[Iterable[str]], Marks]) -> Laid:
    dataset, architecture, latent = sheet.block
    flavours = sheet.entries.index.get_level_values("flavour").unique()
    remarks = {flavour: table.remarks.get((dataset, architecture, flavour, latent), ()) for flavour in flavours}
    first, *others = remarks.values()
    common = [remark for remark in first if others and all(remark in said for said in others)]
    of_block = numbers(common)
    of_columns = [_shared(column) for column in sheet.entries.to_numpy().T]
    columns = [
        Column(heading(*name), quantity(name[0]).better, numbers([reason]))
        for name, reason in zip(sheet.entries.columns, of_columns, strict=True)
    ]
    titles = {family: catalogue.title("flavours", family) for family in {*table.families.values()}}
    rows = []
    levels = sheet.entries.index.names
    for place, entries in zip(sheet.entries.index, sheet.entries.to_numpy(), strict=True):
        flavour, *labels = place if len(levels) > 1 else (place,)
        family = table.families[flavour]
        left = [_but(entry, reason) for entry, reason in zip(entries, of_columns, strict=True)]
        of_row = _shared(left)
        said: list[list[str]] = [[remark for remark in remarks[flavour] if remark not in common], *([] for _ in labels)]
        said[0 if OVER in levels else -1].append(of_row)
        texts = [readable(flavour, family), *map(_name, levels[1:], labels)]
        rows.append(
            Row(
                titles[family],
                family == CONTROLS,
                [(text, numbers(remarks)) for text, remarks in zip(texts, said, strict=True)],
                [(entry, numbers([_but(entry, of_row).remark])) for entry in left],
            )
        )
    return Laid(
        sheet.part,
        block_name(dataset, architecture, latent),
        of_block,
        [name.capitalize() for name in levels],
        columns,
        rows,
    )


def _name(level: str, label: str) -> str:
    return metric_name(label) if level == "Sampler" else readable(label) if level == "Against" else label


def _shared(entries: Iterable[Entry]) -> str:
    """The reason that all of several missing values have, "" if there is none."""
    reasons = [entry.remark for entry in entries if entry.text == MISSING and entry.remark]
    return reasons[0] if len(reasons) > 1 and len(set(reasons)) == 1 else ""


def _but(entry: Entry, said: str) -> Entry:
    """An entry without its reason if it is missing for one that is said elsewhere."""
    return replace(entry, remark="") if said and entry.text == MISSING and entry.remark == said else entry
