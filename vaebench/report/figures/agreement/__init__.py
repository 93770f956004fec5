"""Figures of the agreement across seeds, for one dataset, architecture and latent size: `name(distances, palette)`."""

from __future__ import annotations

import pandas as pd

from vaebench.report.figures import style


def shown(summary: pd.DataFrame, palette: style.Palette) -> tuple[list[str], str]:
    """Flavours with a value for some kind of distance, and the note on what is missing.

    ``summary`` is one metric's part of `vaebench.report.concordance.agree`.
    """
    with_value = set(summary.loc[summary["mean"].notna(), "flavour"])
    records = [
        (row.flavour, row.sampler if row.flavour in with_value else "", row.reason)
        for row in summary[summary["mean"].isna()].itertuples()
    ]
    records += [(flavour, "", "no run") for flavour in palette if flavour not in set(summary["flavour"])]
    return style.ordered(with_value, palette), style.absences(records, palette)
