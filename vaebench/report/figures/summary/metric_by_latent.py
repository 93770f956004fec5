"""Metrics on the test images against latent size, a row per family with all others grey behind: mean over seeds and,
from three on, its 95 % Student interval. A metric has one scale for all families of a dataset.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from vaebench.report.figures import style
from vaebench.report.figures.multiples import multiples
from vaebench.report.tables.columns import heading, named, quantity

QUESTION = "best"
METRICS = ("nll", "rate", "distortion", "active_units", "ssim")


@style.styled
def metric_by_latent(summary: pd.DataFrame, palette: style.Palette) -> Figure:
    """A block of rows per dataset and architecture, a column per metric."""
    flavours = style.ordered(summary["flavour"], palette)
    summary = summary[summary["metric"].isin(METRICS)]
    absent = _missing(summary, flavours)
    shown = summary[np.isfinite(summary["mean"])].sort_values(["dataset", "architecture", "latent"])
    if shown.empty:
        return style.nothing(f"no flavour has {', '.join(map(named, METRICS))}", style.absences(absent, palette))
    curves = shown.rename(columns={"metric": "column", "latent": "x", "mean": "y"}).assign(facet=style.facet(shown))
    sizes = sorted(shown["latent"].unique())

    def adjust(axes: Axes) -> None:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(sizes))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:.0f}")
        axes.set_xlim(sizes[0] / 2**0.5, sizes[-1] * 2**0.5)
        axes.yaxis.set_major_locator(MaxNLocator(3))

    columns = {metric: heading(metric) for metric in METRICS}
    if len(sizes) == 1:
        place = {flavour: i for own in style.members(flavours, palette).values() for i, flavour in enumerate(own, 1)}
        count = pd.Series(style.members(flavours, palette)).map(len).max()
        curves = curves.assign(x=sizes[0] * 2 ** (0.9 * curves["flavour"].map(place) / (count + 1) - 0.45))

    def limits(rows: pd.DataFrame) -> tuple[float, float]:
        """With the best, however far out."""
        best = style.best(rows, palette, "y", quantity(rows["column"].iloc[0]).better)
        return style.window(rows["y"], rows["low"], rows["high"], best=best)

    return multiples(curves, palette, columns, xlabel="latent size", absent=absent, adjust=adjust, limits=limits)


def finding(summary: pd.DataFrame, palette: style.Palette) -> str:
    """How much the median flavour changes from the smallest to the largest size."""
    parts = []
    for metric in ("nll", "ssim"):
        rows = summary[(summary["metric"] == metric) & np.isfinite(summary["mean"])]
        for facet, found in rows.groupby(style.facet(rows)):
            table = found[found["flavour"].map(lambda flavour: flavour in style.compared(palette))]
            sizes = table.pivot_table(index="flavour", columns="latent", values="mean").dropna()
            if sizes.shape[1] > 1 and len(sizes):
                least, most = sizes.columns[[0, -1]]
                start, end = sizes[[least, most]].median()
                where = f" on {facet}" if facet else ""
                parts.append(f"{heading(metric)} from {start:.3g} to {end:.3g}{where}")
    return f"From {least} to {most} latents the median flavour goes in {'; '.join(parts)}." if parts else ""


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
