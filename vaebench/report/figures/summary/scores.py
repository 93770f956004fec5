"""Metrics on the test images, a row per flavour by family: mean over seeds and, from three on, its 95 % Student
interval. Shape and fill are the latent size.

An arrow at the edge stands for a mean far beyond it, never for the best; where a flavour has neither, the metric does
not apply to it, as the tables say.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style
from vaebench.report.tables.columns import heading, quantity
from vaebench.study.tidy import BLOCK

QUESTION = "best"
METRICS = ("elbo", "nll", "rate", "mse", "ssim")
CROWD, CLOSE = 60, 0.1  # rows of flavours from which they are closer, and inches


@style.styled
def scores(summary: pd.DataFrame, palette: style.Palette) -> Figure:
    """A row of panels per dataset and architecture, a column per metric."""
    shown = summary[summary["metric"].isin(METRICS) & np.isfinite(summary["mean"])]
    if shown.empty:
        return style.nothing("no flavour has a score", "")
    flavours = style.ordered(shown["flavour"], palette)
    facets = dict(iter(shown.groupby(style.facet(shown))))
    sizes = style.sizes(sorted(shown["latent"].unique()))
    handles: list[Artist] = [
        Line2D([], [], linestyle="", marker=mark, color="0.25", markerfacecolor=style.tint("0.25", share),
               label=f"latent size {size}") for size, (mark, share) in sizes.items()
    ]  # fmt: skip
    panels = list(itertools.product(facets, METRICS))
    pitch = CLOSE if len(flavours) * len(facets) > CROWD else style.PITCH
    size = 1.3, 0.45 + style.height(flavours, palette, pitch)
    handles += style.family_handles(flavours, palette)
    figure, grid = style.canvas(len(panels), len(METRICS), size, handles=handles, sharey=True)
    for axes, (facet, metric) in zip(grid, panels, strict=True):
        axes.set_title(facet)
        axes.set_xlabel(heading(metric))
        style.rows(axes, flavours, palette)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        chosen = facets[facet].query("metric == @metric")
        if len(chosen):
            best = style.best(chosen, palette, "mean", quantity(metric).better)
            _draw(axes, chosen, palette, style.places(flavours, palette), sizes, best)
    return figure


def _draw(
    axes: Axes,
    chosen: pd.DataFrame,
    palette: style.Palette,
    heights: dict[str, float],
    sizes: dict[int, tuple[str, float]],
    best: list[float],
) -> None:
    low, high = style.window(chosen["mean"], chosen["low"], chosen["high"], best=best)
    for place, (latent, (mark, share)) in enumerate(sizes.items()):
        rows = chosen[chosen["latent"] == latent]
        y = rows["flavour"].map(heights) + 0.6 * ((place + 0.5) / len(sizes) - 0.5)
        colours = [palette[flavour].colour for flavour in rows["flavour"]]
        axes.hlines(y, rows["low"], rows["high"], color=colours, linewidth=0.7)
        faces = [style.tint(colour, share) for colour in colours]
        within = (rows["mean"] >= low) & (rows["mean"] <= high)
        edge = rows["mean"].clip(low, high)
        marks = np.where(within, mark, np.where(rows["mean"] < low, "<", ">"))
        for x, height, colour, face, shape in zip(edge, y, colours, faces, marks, strict=True):
            axes.plot(x, height, shape, color=colour, markersize=2.6, markerfacecolor=face, markeredgewidth=0.5,
                      clip_on=False, label=f"latent {latent}")  # fmt: skip
    axes.set_xlim(low, high)


def finding(summary: pd.DataFrame, palette: style.Palette) -> str:
    """Which flavour is most often the best at each metric."""
    shown = summary[summary["flavour"].isin(style.compared(palette)) & np.isfinite(summary["mean"])]
    parts = []
    for metric in METRICS:
        better, rows = quantity(metric).better, shown[shown["metric"] == metric]
        if better and len(rows):
            sign = 1 if better == "higher" else -1
            best = rows.loc[(sign * rows["mean"]).groupby([rows[name] for name in BLOCK]).idxmax(), "flavour"]
            counts = best.value_counts()
            first = [palette[flavour].name for flavour in style.ordered(counts[counts == counts.max()].index, palette)]
            each = " each" if len(first) > 1 else ""
            parts.append(f"{heading(metric)} {', '.join(first)} ({counts.max()} of {len(best)}{each})")
    return f"Most often the best mean of a dataset and latent size: {'; '.join(parts)}." if parts else ""
