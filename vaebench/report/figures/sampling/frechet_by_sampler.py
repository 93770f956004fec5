"""Fréchet distance of what each sampler draws from each flavour, a row per flavour: mean over seeds and, from three on,
its 95 % Student interval, on a logarithmic scale.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.tables.columns import heading
from vaebench.study.naming import metric_name, readable
from vaebench.study.tidy import BLOCK

METRIC, BESIDE = "frechet_distance", 4
MANY, CLOSE = 25, 0.1  # flavours from which rows are closer, and inches


@style.styled
def frechet_by_sampler(summary: pd.DataFrame, palette: style.Palette) -> Figure:
    """A panel per dataset, architecture and latent size, a marker per sampler; values that are not positive, of a law
    that is the test images' own, stand at the left edge."""
    shown = summary[(summary["metric"] == METRIC) & np.isfinite(summary["mean"])]
    if shown.empty:
        return style.nothing("no sampler has a distance", "")
    flavours = style.ordered(shown["flavour"], palette)
    heights = style.places(flavours, palette)
    looks = style.looks(sorted(shown["part"].unique()))
    handles = [look._replace(name=metric_name(label)).handle() for label, look in looks.items()]
    for handle in handles:
        handle.set_linestyle("")
    blocks = ["dataset", "architecture", "latent"]
    panels = list(shown.groupby(blocks, sort=True))
    positive = shown["mean"][shown["mean"] > 0]
    least = 10 ** math.floor(math.log10(positive.min())) if len(positive) else 0.1
    pitch = CLOSE if len(flavours) > MANY else style.PITCH
    size = style.TWO / BESIDE, 0.45 + style.height(flavours, palette, pitch)
    figure, grid = style.canvas(len(panels), BESIDE, size, handles=handles, sharey=True)
    several = summary["architecture"].nunique() > 1
    for axes, ((dataset, architecture, latent), chosen) in zip(grid, panels, strict=True):
        of = readable(architecture) if several else ""
        axes.set_title(style.title(readable(dataset), of, f"latent {latent}"))
        axes.set_xlabel(heading(METRIC))
        style.rows(axes, flavours, palette)
        axes.set_xscale("log")
        for label, look in looks.items():
            rows = chosen[chosen["part"] == label]
            y = rows["flavour"].map(heights)
            low, mean, high = (rows[name].clip(lower=least) for name in ("low", "mean", "high"))
            axes.hlines(y, low, high, color=look.colour, linewidth=0.7)
            axes.plot(mean, y, look.marker, color=look.colour, markersize=2.8, label=look.name)
        axes.set_xlim(left=least)
    return figure


def finding(summary: pd.DataFrame, palette: style.Palette) -> str:
    """Which flavour and sampler come nearest to the test images, in each block."""
    rows = summary[(summary["metric"] == METRIC) & np.isfinite(summary["mean"])]
    rows = rows[rows["flavour"].isin(style.compared(palette))]
    best = rows.loc[rows.groupby(BLOCK)["mean"].idxmin()]
    told = [
        f"{facet}, {row.latent} latents: {palette[row.flavour].name} with {metric_name(row.part)} ({row.mean:.3g})"
        for row, facet in zip(best.itertuples(), style.facet(best), strict=True)
    ]
    return f"The least mean has, on {'; '.join(told)}." if told else ""
