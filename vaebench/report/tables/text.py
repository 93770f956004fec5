"""What all forms of a table share: the text of its places, and the numbers of its footnotes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from vaebench.report.tables.columns import heading
from vaebench.report.tables.conditions import Place
from vaebench.study.naming import metric_name, readable
from vaebench.study.tidy import CELL


class Table(NamedTuple):
    """A table for people: its `wide` entries, the families of the flavours, what is said of a cell as a whole by its
    place, and the note below it.
    """

    entries: pd.DataFrame
    families: Mapping[str, str]
    remarks: Mapping[Place, Sequence[str]]
    note: str


def text(
    table: Table, safe: Callable[[str], str], bold: Callable[[str], str], raised: Callable[[str], str]
) -> tuple[list[list[str]], list[str]]:
    """Rows of a table, the heading first, and its footnotes in their order.

    ``safe`` escapes what is special in a form, ``bold`` sets entries in bold, ``raised`` the numbers of footnotes.
    """
    footnotes: dict[str, int] = {}

    def numbers(remarks: Sequence[str]) -> str:
        found = [str(footnotes.setdefault(remark, len(footnotes) + 1)) for remark in remarks]
        return raised(", ".join(found)) if found else ""

    leading = [level.capitalize() for level in table.entries.index.names]
    names = leading + [heading(*column) for column in table.entries.columns]
    rows = [[safe(name) for name in names]]
    for place, entries in zip(table.entries.index, table.entries.to_numpy(), strict=True):
        dataset, architecture, flavour, latent, *part = place
        name = safe(readable(flavour, table.families[flavour])) + numbers(table.remarks.get(place[: len(CELL)], ()))
        rows.append([safe(readable(dataset)), safe(readable(architecture)), name, str(latent)])
        rows[-1] += [safe(metric_name(label) if "Sampler" in leading else readable(label)) for label in part]
        for entry in entries:
            shown = bold(safe(entry.text)) if entry.bold else safe(entry.text)
            rows[-1].append(shown + numbers([entry.remark] if entry.remark else []))
    return rows, list(footnotes)
