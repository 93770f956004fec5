"""Pairs of test images by the coefficient of variation of their distance over the seeds: smaller is steadier.

Distances are those of the latent space, those of the two decoded images (ends), lengths of straight lines' images,
and lengths of geodesics; the last bin holds all larger values. ρ is the mean Spearman correlation of two seeds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaebench.geometry.agreement import variation as varied
from vaebench.report.concordance import SHOWN, tabulated
from vaebench.report.figures import style
from vaebench.report.figures.agreement._shown import shown
from vaebench.report.tables.entry import MISSING

ACROSS = 6  # panels in a row


@style.styled
def variation(distances: pd.DataFrame, agreement: pd.DataFrame, palette: style.Palette) -> Figure:
    """A panel per flavour, an outlined histogram per kind of distance."""
    flavours, note = shown(agreement[agreement["metric"] == "variation"], palette)
    if not flavours:
        return style.nothing("no flavour has distances to compare over seeds", note)
    concordance = agreement[agreement["metric"] == "mean_spearman"].set_index(["flavour", "part"])["mean"]
    values = {
        (flavour, kind): varied(table)
        for flavour in flavours
        for kind, table in tabulated(distances[distances["flavour"] == flavour]).items()
    }
    values = {key: every[np.isfinite(every)] for key, every in values.items()}
    edges = np.linspace(0, style.window(np.concatenate([*values.values()]))[1], 26)
    looks = style.looks(SHOWN)
    handles = [look.handle() for look in looks.values()]
    for handle in handles:
        handle.set_marker("")
    figure, grid = style.canvas(len(flavours), ACROSS, (style.TWO / ACROSS, 1.05), handles=handles, note=note)
    for axes, flavour in zip(grid, flavours, strict=True):
        style.name(axes, palette[flavour])
        axes.tick_params(labelsize=5.5)
        for place, (kind, look) in enumerate(looks.items()):
            counts, _ = np.histogram(values[flavour, kind].clip(max=edges[-1]), edges)
            if counts.any():
                axes.stairs(counts, edges, color=look.colour, linewidth=0.7, label=kind)
            rho = concordance[flavour, kind]
            text = f"ρ {rho:.2f}" if np.isfinite(rho) else f"ρ {MISSING}"
            spot = (0.27 + 0.5 * (place % 2), 0.99 - 0.1 * (place // 2))
            axes.annotate(text, spot, color=look.colour, fontsize=5.5, ha="center", va="top", xycoords="axes fraction")
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.set(xlim=(0, edges[-1]), ylim=(0, 1.4 * axes.dataLim.y1))
    for axes in grid[::ACROSS]:
        axes.set_ylabel("pairs")
    for axes in grid[max(0, len(grid) - ACROSS) :]:
        axes.set_xlabel("coeff. of variation", fontsize=style.SMALL)
    return figure


def finding(distances: pd.DataFrame, agreement: pd.DataFrame, palette: style.Palette) -> str:
    """The median variation over the seeds of each kind of distance."""
    rows = agreement[(agreement["metric"] == "variation") & agreement["part"].isin(SHOWN)].dropna(subset="mean")
    medians = rows.groupby("part")["mean"].median()
    told = ", ".join(f"{medians[kind]:.2f} ({kind})" for kind in SHOWN if kind in medians)
    return f"The median over flavours of the mean variation is {told}." if told else ""
