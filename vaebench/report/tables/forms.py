"""From a summary to every form of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from vaebench.report.tables.columns import members
from vaebench.report.tables.conditions import note
from vaebench.report.tables.html import html
from vaebench.report.tables.latex import latex
from vaebench.report.tables.markdown import markdown
from vaebench.report.tables.wide import wide

FORMS = {"md": markdown, "tex": latex, "html": html}


def forms(
    summary: pd.DataFrame,
    table: str,
    families: Mapping[str, str],
    conditions: Sequence[Mapping[str, Any]],
    *,
    seeds: int,
    geometry: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """The texts of a table by the suffix of their files.

    ``summary`` is that of `vaebench.report.summary.summarise` or, for the table of agreement, the rows of
    `vaebench.report.concordance.agree`; ``families`` are those of `wide`, the other arguments those of `note`.
    """
    shown, line = wide(summary, members(table), families), note(table, conditions, seeds=seeds, geometry=geometry)
    return {form: write(shown, families, line) for form, write in FORMS.items()}
