"""Rate and distortion of each flavour and latent size (number): mean over seeds and, from three on, its 95 % Student
interval.

Their sum is the negative ELBO: it is constant along the grey lines, and lower ones are better.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style
from vaebench.study.naming import readable
from vaebench.study.tidy import CELL

NOTHING = "no flavour has both a rate and a distortion"


@style.styled
def rate_distortion(summary: pd.DataFrame, palette: style.Palette) -> Figure:
    """A column per dataset, a row per architecture; both axes are in nats per image."""
    flavours = set(summary["flavour"])
    summary = summary[summary["metric"].isin(["rate", "distortion"])]
    half = (summary["high"] - summary["mean"]).fillna(0.0)
    points = summary.assign(half=half).pivot(index=CELL, columns="metric", values=["mean", "half"])
    points = points.reindex(columns=pd.MultiIndex.from_product([["mean", "half"], ["rate", "distortion"]]))
    points = points[np.isfinite(points["mean"]).all(axis=1)].astype(float).reset_index(level=["flavour", "latent"])
    note = style.absences(_missing(summary, flavours - set(points["flavour"])), palette)
    if points.empty:
        return style.nothing(NOTHING, note)
    datasets, architectures = (sorted(points.index.unique(level)) for level in ("dataset", "architecture"))
    panels = list(itertools.product(architectures, datasets))
    handles = [palette[flavour].handle() for flavour in style.ordered(points["flavour"], palette)]
    figure, grid = style.canvas(len(panels), len(datasets), (3.6, 3.1), handles=handles, note=note)
    for axes, (architecture, dataset) in zip(grid, panels, strict=True):
        name = readable(architecture) if len(architectures) > 1 else ""
        axes.set_title(style.title(readable(dataset), name))
        if (dataset, architecture) not in points.index:
            style.say(axes, NOTHING)
            continue
        rows = points.loc[[(dataset, architecture)]]
        for flavour in style.ordered(rows["flavour"], palette):
            _draw(axes, rows[rows["flavour"] == flavour], palette[flavour], flavour)
        for set_limits, metric in ((axes.set_xlim, "rate"), (axes.set_ylim, "distortion")):
            mean, half = rows["mean", metric], rows["half", metric]
            set_limits(*style.window(mean, mean - half, mean + half))
        _negative_elbo(axes)
        axes.set(xlabel="rate (nats)", ylabel="distortion (nats)")
    return figure


def _draw(axes: Axes, rows: pd.DataFrame, look: style.Look, flavour: str) -> None:
    rate, distortion = rows["mean", "rate"], rows["mean", "distortion"]
    axes.errorbar(
        rate, distortion, rows["half", "distortion"], rows["half", "rate"], "none", ecolor=look.colour, elinewidth=0.8
    )
    axes.plot(rate, distortion, label=flavour, marker=look.marker, linewidth=0.6, alpha=0.85, **look.line())
    # Sizes that share a point to the eye share a label.
    for place, group in rows.groupby([rate.round(1), distortion.round(1)])["latent"]:
        label = ", ".join(map(str, group))
        axes.annotate(
            label, place, (3, 3), textcoords="offset points", fontsize=6, color=look.colour, annotation_clip=True
        )


def _negative_elbo(axes: Axes) -> None:
    """Lines of equal rate + distortion, with the value of those that meet the right edge of the panel."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for level in MaxNLocator(7).tick_values(left + bottom, right + top):
        axes.axline((0, level), slope=-1, color="0.85", linewidth=0.6, zorder=0)
        if bottom < level - right < bottom + 0.96 * (top - bottom):
            axes.annotate(
                f"−ELBO {level:g}",
                (right, level - right),
                (0, 1),
                textcoords="offset points",
                fontsize=5.5,
                color="0.6",
                ha="right",
                zorder=0.5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
            )
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _missing(summary: pd.DataFrame, absent: set[str]) -> list[style.Absence]:
    """Why flavours have no point."""
    reasons = {flavour: set(summary.loc[summary["flavour"] == flavour, "reason"]) - {""} for flavour in sorted(absent)}
    return [(flavour, "", "; ".join(sorted(given)) or "no value") for flavour, given in reasons.items()]
