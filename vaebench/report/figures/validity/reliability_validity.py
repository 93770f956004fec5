"""Whether seeds agree on a distance (mean Spearman correlation, with its 95 % interval over seeds and pairs) against
whether it tells pairs of two classes from pairs of one (class separation, mean over seeds; 50 is chance).

The path goes from the latent space's distance over that of the decoded ends and the length of the straight line's image
to the geodesic's. Pixels agree fully, as no model has a part in them; shuffled codes know nothing of a pair. The other
flavours are grey, and intervals of few seeds may end beyond the panel.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaebench.report.concordance import SHOWN
from vaebench.report.figures import style
from vaebench.report.figures.agreement._shown import shown

BASELINES = {"pixel": ("x", "0"), "shuffled": ("+", "0.45")}


@style.styled
def reliability_validity(
    distances: pd.DataFrame, agreement: pd.DataFrame, summary: pd.DataFrame, palette: style.Palette
) -> Figure:
    """A panel per flavour."""
    reliability = agreement[agreement["metric"] == "mean_spearman"].set_index(["flavour", "part"])
    flavours, note = shown(reliability.reset_index(), palette)
    if not flavours:
        return style.nothing("no flavour has distances to compare over seeds", note)
    separation = summary[summary["metric"] == "class_separation"].set_index(["flavour", "part"])["mean"]
    points = reliability[["mean", "low", "high"]].assign(
        separation=[separation.get((flavour, f"{part} pairs"), np.nan) for flavour, part in reliability.index]
    )
    looks = style.looks(SHOWN)
    handles = [look.handle() for look in looks.values()]
    for handle in handles:
        handle.set_linestyle("")
    handles += [
        Line2D([], [], marker=marker, color=colour, linestyle="", label=kind)
        for kind, (marker, colour) in BASELINES.items()
    ]
    figure, grid = style.canvas(len(flavours), 5, (1.5, 1.35), handles=handles, note=note, sharex=True, sharey=True)
    paths = {flavour: points.loc[flavour].reindex(SHOWN).dropna(subset=["mean", "separation"]) for flavour in flavours}
    for axes, flavour in zip(grid, flavours, strict=True):
        axes.set_title(palette[flavour].name)
        for other in flavours:
            axes.plot(paths[other]["mean"], paths[other]["separation"], color="0.88", linewidth=0.6, zorder=0.5)
        path = paths[flavour]
        axes.plot(path["mean"], path["separation"], color="0.4", linewidth=0.8, zorder=1)
        for kind, row in path.iterrows():
            look = looks[str(kind)]
            axes.hlines(row["separation"], row["low"], row["high"], color=look.colour, linewidth=0.8)
            axes.plot(row["mean"], row["separation"], look.marker, color=look.colour, markersize=3.2, label=kind)
        for kind, (marker, colour) in BASELINES.items():
            if (flavour, kind) in points.index:
                row = points.loc[(flavour, kind)]
                axes.plot(row["mean"], row["separation"], marker, color=colour, markersize=3.5, label=kind)
    grid[0].set_xlim(points["mean"].min() - 0.15, 1.04)
    for axes in grid[::5]:
        axes.set_ylabel("separation (%)")
    for axes in grid[(len(grid) - 1) // 5 * 5 :]:
        axes.set_xlabel("agreement")
    return figure
