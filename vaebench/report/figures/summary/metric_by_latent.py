"""Metrics on the test images against latent size: mean over seeds and, from three on, its 95 % Student interval."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from vaebench.report.figures import style
from vaebench.report.tables.columns import heading, named
from vaebench.study.naming import readable

METRICS = ("elbo", "nll", "rate", "distortion", "active_units", "mse", "psnr", "ssim")


@style.styled
def metric_by_latent(summary: pd.DataFrame, palette: style.Palette) -> Figure:
    """A row per metric, a column per dataset and architecture (a single one: four panels per row)."""
    facets = sorted(set(zip(summary["dataset"], summary["architecture"], strict=True)))
    sizes = sorted(summary["latent"].unique())
    flavours = style.ordered(summary["flavour"], palette)
    summary = summary[summary["metric"].isin(METRICS)]
    shown = summary[np.isfinite(summary["mean"])]
    columns = len(facets) if len(facets) > 1 else 4
    panels = list(itertools.product(METRICS, facets))
    figure, grid = style.canvas(
        len(panels),
        columns,
        (2.7 if columns < 4 else 2.3, 1.9),
        handles=[palette[flavour].handle() for flavour in flavours],
        note=style.absences(_missing(summary, flavours), palette),
    )
    several = len({architecture for _, architecture in facets}) > 1
    for i, (axes, (metric, (dataset, architecture))) in enumerate(zip(grid, panels, strict=True)):
        axes.set_title(style.title(readable(dataset), readable(architecture) if several else ""))
        rows = shown.query("metric == @metric and dataset == @dataset and architecture == @architecture")
        if rows.empty:
            style.say(axes, f"{named(metric)}: no flavour has a value")
            continue
        for flavour in style.ordered(rows["flavour"], palette):
            shift = 2 ** (0.7 * (flavours.index(flavour) + 0.5) / len(flavours) - 0.35) if len(sizes) == 1 else 1.0
            _draw(axes, rows[rows["flavour"] == flavour], palette[flavour], flavour, shift)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(sizes))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.set_xlim(sizes[0] / 2**0.4, sizes[-1] * 2**0.4)
        axes.set_ylim(*style.window(rows["mean"], rows["low"], rows["high"]))
        axes.set_ylabel(heading(metric))
        if i >= len(panels) - columns:
            axes.set_xlabel("latent size")
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, look: style.Look, flavour: str, shift: float) -> None:
    """One flavour: a line with a band, or where there is one size only, markers side by side with bars."""
    x = rows["latent"] * shift
    axes.plot(x, rows["mean"], label=flavour, marker=look.marker, **look.line())
    if len(rows) > 1:
        axes.fill_between(x, rows["low"], rows["high"], color=look.colour, alpha=style.BAND, linewidth=0)
    else:
        axes.vlines(x, rows["low"], rows["high"], color=look.colour, linewidth=0.9)


def _missing(summary: pd.DataFrame, flavours: list[str]) -> list[style.Absence]:
    """Absences for every mean that is no finite number, and for every pair that has no row."""
    lacking = summary[~np.isfinite(summary["mean"])].sort_values("metric", key=lambda names: names.map(METRICS.index))
    records = [
        (row.flavour, named(row.metric), "infinite" if row.n else row.reason or "no value")
        for row in lacking.itertuples()
    ]
    measured = set(zip(summary["flavour"], summary["metric"], strict=True))
    unmeasured = [pair for pair in itertools.product(flavours, METRICS) if pair not in measured]
    return records + [(flavour, named(metric), "not measured") for flavour, metric in unmeasured]
