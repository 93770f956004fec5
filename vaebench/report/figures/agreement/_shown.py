"""Which flavours have an agreement."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from vaebench.report.concordance import SHOWN
from vaebench.report.figures import style


def shown(agreement: pd.DataFrame, palette: style.Palette, kinds: Collection[str] = SHOWN) -> tuple[list[str], str]:
    """Flavours with a value for some of these kinds of distance, and the note on what is missing, from one metric's
    rows."""
    agreement = agreement[agreement["part"].isin(kinds)]
    with_value = set(agreement.loc[agreement["mean"].notna(), "flavour"])
    records = [
        (row.flavour, row.part if row.flavour in with_value else "", row.reason)
        for row in agreement[agreement["mean"].isna()].itertuples()
    ]
    records += [(flavour, "", "no run") for flavour in palette if flavour not in set(agreement["flavour"])]
    return style.ordered(with_value, palette), style.absences(records, palette)
