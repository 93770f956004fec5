"""Metrics on the test images, a row per flavour: mean over seeds and, from three on, its 95 % Student interval; by
latent size.

An arrow at the edge stands for a mean far beyond it; where a flavour has neither, the metric does not apply to it, as
the tables say.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.tables.columns import heading
from vaebench.study.naming import readable

METRICS = ("elbo", "nll", "rate", "mse", "ssim")


@style.styled
def scores(summary: pd.DataFrame, palette: style.Palette) -> Figure:
    """A row of panels per dataset and architecture, a column per metric."""
    shown = summary[summary["metric"].isin(METRICS) & np.isfinite(summary["mean"])]
    if shown.empty:
        return style.nothing("no flavour has a score", "")
    flavours = style.ordered(shown["flavour"], palette)
    facets = sorted(set(zip(shown["dataset"], shown["architecture"], strict=True)))
    sizes = sorted(shown["latent"].unique())
    looks = dict(zip(sizes, style.looks(f"latent_{size}" for size in sizes).values(), strict=True))
    handles = [look.handle() for look in looks.values()]
    for handle in handles:
        handle.set_linestyle("")
    panels = list(itertools.product(facets, METRICS))
    size = 1.75, 0.45 + 0.15 * len(flavours)
    figure, grid = style.canvas(len(panels), len(METRICS), size, handles=handles, sharey=True)
    several = summary["architecture"].nunique() > 1
    for axes, ((dataset, architecture), metric) in zip(grid, panels, strict=True):
        axes.set_title(style.title(readable(dataset), readable(architecture) if several else ""))
        axes.set_xlabel(heading(metric))
        style.rows(axes, flavours, palette)
        chosen = shown.query("metric == @metric and dataset == @dataset and architecture == @architecture")
        if chosen.empty:
            continue
        limits = style.window(chosen["mean"], chosen["low"], chosen["high"])
        for place, (latent, look) in enumerate(looks.items()):
            rows = chosen[chosen["latent"] == latent]
            y = rows["flavour"].map(flavours.index) + 0.6 * ((place + 0.5) / len(looks) - 0.5)
            axes.hlines(y, rows["low"], rows["high"], color=look.colour, linewidth=0.9)
            axes.plot(rows["mean"], y, look.marker, color=look.colour, markersize=3, label=look.name)
            away = {"color": look.colour, "markersize": 3.5, "fillstyle": "none", "clip_on": False, "in_layout": False}
            for edge, arrow, beyond in (
                (limits[0], "<", rows["mean"] < limits[0]),
                (limits[1], ">", rows["mean"] > limits[1]),
            ):
                if beyond.any():
                    axes.plot(np.full(beyond.sum(), edge), y[beyond], arrow, **away)
        axes.set_xlim(*limits)
    return figure
