"""What all forms of a table share: the text of its places, and the numbers of its footnotes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from vaebench.report.tables.columns import heading
from vaebench.study.naming import readable
from vaebench.study.tidy import CELL


def text(
    table: pd.DataFrame,
    families: Mapping[str, str],
    safe: Callable[[str], str],
    bold: Callable[[str], str],
    raised: Callable[[int], str],
) -> tuple[list[list[str]], list[str]]:
    """Rows of a `wide` table, the heading first, and the distinct reasons for missing values in footnotes' order.

    ``safe`` escapes what is special in a form, ``bold`` sets the best entries, ``raised`` the number of a footnote.
    """
    reasons: dict[str, int] = {}
    names = [level.capitalize() for level in CELL] + [heading(*column) for column in table.columns]
    rows = [[safe(name) for name in names]]
    for (dataset, architecture, flavour, latent), entries in zip(table.index, table.to_numpy(), strict=True):
        cell = readable(dataset), readable(architecture), readable(flavour, families[flavour]), str(latent)
        rows.append([safe(name) for name in cell])
        for entry in entries:
            shown = bold(safe(entry.text)) if entry.best else safe(entry.text)
            footnote = raised(reasons.setdefault(entry.reason, len(reasons) + 1)) if entry.reason else ""
            rows[-1].append(shown + footnote)
    return rows, list(reasons)
