"""Objective per epoch on validation (solid) and training (faint) images: mean and range over seeds.

A flavour that does not train is a level line. The vertical range leaves out the first tenth of each curve where that is
higher, so that the rest can be told apart.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style
from vaebench.study.naming import readable

CURVE = ["dataset", "architecture", "latent", "flavour", "split"]


@style.styled
def training_curves(history: pd.DataFrame, palette: style.Palette) -> Figure:
    """A column per dataset, a row per architecture and latent size, a line per flavour; history is in nats."""
    totals = history[(history["term"] == "total") & np.isfinite(history["value"])]
    points = totals.groupby([*CURVE, "epoch"])["value"].agg(["mean", "min", "max"]).reset_index()
    flavours = style.ordered(points["flavour"], palette)
    without = [flavour for flavour in palette if flavour not in flavours]
    note = style.absences([(flavour, "", "no training history") for flavour in without], palette)
    if points.empty:
        return style.nothing("no flavour has a training history", note)
    datasets = sorted(points["dataset"].unique())
    architectures = sorted(points["architecture"].unique())
    panels = list(itertools.product(architectures, sorted(points["latent"].unique()), datasets))
    handles = [palette[flavour].handle() for flavour in flavours]
    for handle in handles:
        handle.set_marker("")
    figure, grid = style.canvas(
        len(panels), len(datasets), (3.4, 2.1), handles=handles, note=note, sharex=True, sharey="col"
    )
    for axes, (architecture, latent, dataset) in zip(grid, panels, strict=True):
        axes.autoscale(False)  # else each curve would scale all panels again
        name = readable(architecture) if len(architectures) > 1 else ""
        axes.set_title(style.title(readable(dataset), name, f"latent size {latent}"))
        chosen = points.query("dataset == @dataset and architecture == @architecture and latent == @latent")
        if chosen.empty:
            style.say(axes, "no training history")
        for (flavour, split), curve in chosen.groupby(["flavour", "split"]):
            look, faint = palette[flavour], split == "train"
            if len(curve) == 1 and not faint:
                axes.axhline(curve["mean"].item(), label=f"{flavour} {split}", linewidth=1.3, **look.line())
                continue
            axes.plot(
                curve["epoch"],
                curve["mean"],
                label=f"{flavour} {split}",
                alpha=0.35 if faint else 1,
                linewidth=0.8 if faint else 1.3,
                **look.line(),
            )
            if not faint:
                axes.fill_between(
                    curve["epoch"], curve["min"], curve["max"], color=look.colour, alpha=style.BAND, linewidth=0
                )
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    grid[0].autoscale(axis="x")
    for axes, (_, _, dataset) in zip(grid[: len(datasets)], panels, strict=False):
        axes.set_ylim(*_limits(points[points["dataset"] == dataset]))
    for axes in grid[-len(datasets) :]:
        axes.set_xlabel("epoch")
    for axes in grid[:: len(datasets)]:
        axes.set_ylabel("objective (nats)")
    return figure


def _limits(points: pd.DataFrame) -> tuple[float, float]:
    """What nine tenths of each curve's epochs lie below, and the lowest points, but for curves far from the others."""
    curves = points.groupby(CURVE)["mean"]
    (low, _), (_, high) = style.window(curves.min()), style.window(curves.quantile(0.9))
    return low, high
