"""Mean Spearman correlation of the seeds' distances between test images, with 95 % intervals over seeds and pairs.

Distances are those of the latent space, those of the two decoded images (ends), lengths of straight lines' images,
and lengths of geodesics. The correlation is 1 where every two seeds have the pairs in the same order, and 0 on average
where they are independent. An interval that spans more than half of that is faint, and may run out of the axis.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaebench.report.concordance import SHOWN
from vaebench.report.figures import style
from vaebench.report.figures.agreement._shown import shown

PITCH = 0.2  # inches, of a row
VAGUE = 0.5  # length of an interval that says nothing


@style.styled
def concordance(distances: pd.DataFrame, agreement: pd.DataFrame, palette: style.Palette) -> Figure:
    """A row per flavour, a dot and its interval per kind of distance."""
    agreement = agreement[agreement["metric"] == "mean_spearman"]
    flavours, note = shown(agreement, palette)
    if not flavours:
        return style.nothing("no flavour has distances to compare over seeds", note)
    kinds = agreement[agreement["part"].isin(SHOWN)]
    told = kinds["high"] - kinds["low"] <= VAGUE
    start = min(kinds["mean"].min(), kinds["low"][told].min()) - 0.02
    looks = style.looks(SHOWN)
    handles = [look.handle() for look in looks.values()]
    for handle in handles:
        handle.set_linestyle("")
    if start <= 0:
        handles.append(Line2D([], [], color="0.6", linewidth=0.8, label="independence"))
    figure, [axes] = style.canvas(
        1, 1, (style.TWO, 0.35 + style.height(flavours, palette, PITCH)), handles=handles, note=note
    )
    for place, (kind, look) in enumerate(looks.items()):
        rows = agreement[agreement["part"] == kind].set_index("flavour").loc[flavours]
        y = np.array([*style.places(flavours, palette).values()]) + 0.2 * (place - 1.5)
        alpha = np.where(rows["high"] - rows["low"] > VAGUE, 0.25, 1.0)
        axes.hlines(y, rows["low"], rows["high"], color=look.colour, linewidth=0.8, alpha=alpha)
        axes.plot(rows["mean"], y, look.marker, color=look.colour, markersize=2.8, label=kind)
    axes.axvline(0, color="0.6", linewidth=0.8, zorder=0.5)
    style.rows(axes, flavours, palette)
    axes.set(xlim=(start, 1.02), xlabel="mean Spearman correlation of two seeds")
    return figure


def finding(distances: pd.DataFrame, agreement: pd.DataFrame, palette: style.Palette) -> str:
    """Whether geodesics agree more than distances of latents."""
    rows = agreement[agreement["metric"] == "mean_spearman"].pivot(index="flavour", columns="part", values="mean")
    rows = rows.reindex(columns=["latent", "geodesic"]).dropna()
    if rows.empty:
        return ""
    more = int((rows["geodesic"] > rows["latent"]).sum())
    latent, geodesic = rows.median()
    return (
        f"Geodesics agree more than distances of latents for {more} of {len(rows)} flavours (medians {geodesic:.2f} "
        f"and {latent:.2f})."
    )
