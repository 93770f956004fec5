"""Pages of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from vaebench.report.tables.columns import heading, shown, title
from vaebench.report.tables.entry import MISSING
from vaebench.study.naming import metric_name, readable

KEY = ["conditions", "part", "metric"]


def page(headings: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str], sides: str) -> str:
    """Rows under their headings and the notes below them; of ``sides`` "r" is a column that stands to the right."""
    return f"{_table(headings, rows, sides)}\n\n{_notes(notes)}"


def page_of_numbers(
    headings: Sequence[str], rows: Iterable[tuple[str, str, Sequence[str]]], notes: Iterable[str], sides: str
) -> str:
    """`page` of rows that are each of a part and a name: a section for each table of these, in the order of columns.

    What number a row is of stands in a column before those of ``headings`` and ``sides``. Without rows there is one
    empty table.
    """
    headings, sides = ["metric", *headings], f"-{sides}"
    lines: dict[tuple[str, str], list[Sequence[str]]] = {}
    for part, name, row in rows:
        lines.setdefault((name, part), []).append([metric(part, name), *row])
    if not lines:
        return page(headings, [], notes, sides)
    sections = {
        title(table): [row for number in numbers for row in lines[number]] for table, numbers in shown(lines).items()
    }
    laid = (f"## {name}\n\n{_table(headings, found, sides)}\n\n" for name, found in sections.items())
    return "".join(laid) + _notes(notes)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], sides: str) -> str:
    rule = ["--:" if side == "r" else "---" for side in sides]
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, rule, *rows))


def _notes(notes: Iterable[str]) -> str:
    return "  \n".join(notes) + "\n"


def metric(part: str, name: str) -> str:
    """A number's name, part, unit and direction."""
    return heading(name, metric_name(part) if part else "")


def interval(value: float, low: float, high: float, form: str = ".2f") -> str:
    """ "value [low, high]", without an interval where there is none."""
    if np.isnan(value):
        return MISSING
    return f"{value:{form}}" + (f" [{low:{form}}, {high:{form}}]" if np.isfinite(low) else "")


def leaders(rows: pd.DataFrame, value: str, *, count: int = 3, least: bool = False, form: str = ".2f") -> list[str]:
    """The flavours that have the greatest (or least) values, each with its interval if the rows have one.

    How many more are equal to the last one is said as well.
    """
    every = rows.dropna(subset=value).sort_values([value, "flavour"], ascending=[least, True])
    ordered = every.head(count)
    ends = [ordered[name] if name in ordered else np.full(len(ordered), np.nan) for name in ("low", "high")]
    told = [
        f"{readable(flavour)} {interval(mean, low, high, form)}"
        for flavour, mean, low, high in zip(ordered["flavour"], ordered[value], *ends, strict=True)
    ]
    if more := int((every[value][count:] == ordered[value].iloc[-1]).sum()) if told else 0:
        told[-1] += f" and {more} more"
    return told + [MISSING] * (count - len(told))


def sizes(*columns: pd.Series) -> list[str]:
    """Sample sizes: "4", or "2 to 4" where they differ."""
    ends = [(column.min(), column.max()) for column in columns]
    return [f"{low}" if low == high else f"{low} to {high}" for low, high in ends]


def conditions(table: pd.DataFrame) -> str:
    """What the compared flavours have in common."""
    said = ", or ".join(dict.fromkeys(table["conditions"])) or "none to compare"
    return f"Data convention and likelihood: {said}; only flavours of the same meet, controls aside."


def reasons(table: pd.DataFrame) -> list[str]:
    """Why numbers are missing, and how many."""
    counts = table.loc[table["reason"] != "", "reason"].value_counts()
    return [f"{count} rows: {reason}." for reason, count in sorted(counts.items())]
