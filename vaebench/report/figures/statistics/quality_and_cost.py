"""Quality against seconds of training (mean over seeds, logarithmic): the step joins flavours that no other is better
than at no more time, which are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from vaebench.report.figures import style
from vaebench.report.figures.labels import label
from vaebench.report.figures.statistics import _numbers

INPUTS = ("pareto",)
QUESTION = "cost"
BESIDE, HIGH = 4, 1.75  # panels in a row, and inches of one


@style.styled
def quality_and_cost(pareto: pd.DataFrame, palette: style.Palette) -> Figure:
    """A row of panels per headline metric, dataset and architecture, a column per latent size."""
    table = _numbers.of_most(pareto)
    table = table[np.isfinite(table["value"]) & (table["seconds"] > 0)]
    table = table.assign(facet=style.facet(table)) if len(table) else table
    panels = [
        (number, facet, latent, rows)
        for number in _numbers.headlines(table)[:2]
        for (facet, latent), rows in _numbers.rows(table, number).groupby(["facet", "latent"])
    ]
    if not panels:
        return style.nothing("no flavour has a time and a value", "")
    beside = min(BESIDE, max(2, table["latent"].nunique()))
    size, handles = (style.TWO / beside, HIGH), style.family_handles(table["flavour"], palette)
    note = style.absences(_beyond(panels), palette)
    figure, grid = style.canvas(len(panels), beside, size, handles=handles, note=note)
    for axes, (number, facet, latent, rows) in zip(grid, panels, strict=True):
        axes.set_title(style.title(facet, f"latent size {latent}"), fontsize=style.SMALL)
        axes.set_xlabel("seconds", fontsize=style.SMALL)
        axes.set_ylabel(_numbers.title(number), fontsize=style.SMALL)
        _draw(axes, rows, palette)
    figure.draw_without_rendering()
    for axes, (_, _, _, rows) in zip(grid, panels, strict=True):
        front = rows[rows["front"] == 1]
        named = {
            palette[row.flavour].name: (np.array([[row.seconds, row.value]]), palette[row.flavour].ink)
            for row in front.itertuples()
        }
        label(axes, named, rows[["seconds", "value"]].to_numpy(float), 5.5)
    return figure


def finding(pareto: pd.DataFrame, palette: style.Palette) -> str:
    """Which flavours are on the front everywhere."""
    table = _numbers.of_most(pareto)
    parts = []
    for number in _numbers.headlines(table)[:2]:
        rows = _numbers.rows(table, number)
        blocks = rows.groupby(["dataset", "architecture", "latent"]).ngroups
        counts = rows[rows["front"] == 1]["flavour"].value_counts()
        often = [palette[flavour].name for flavour in style.ordered(counts[counts == counts.max()].index, palette)]
        parts.append(f"{_numbers.title(number)} {', '.join(often)} ({counts.max()} of {blocks})")
    return f"Most often on the front: {'; '.join(parts)}." if parts else ""


def _window(rows: pd.DataFrame) -> tuple[float, float]:
    """Limits of the quality's axis, with the best, however far out."""
    front = rows[rows["front"] == 1].sort_values("seconds")
    return style.window(rows["value"], best=front["value"].tail(1))


def _beyond(panels: Iterable[tuple[_numbers.Number, str, int, pd.DataFrame]]) -> Iterator[style.Absence]:
    for number, facet, latent, rows in panels:
        for flavour in style.beyond(rows, {"value": _window(rows)}):
            yield flavour, style.title(_numbers.short(number), facet, f"latent size {latent}"), style.BEYOND


def _draw(axes: Axes, rows: pd.DataFrame, palette: style.Palette) -> None:
    for row in rows.itertuples():
        look = palette[row.flavour]
        face = look.colour if row.front else style.tint(look.colour, 0.25)
        axes.plot(row.seconds, row.value, look.marker, color=look.colour, markerfacecolor=face, markersize=2.8,
                  markeredgewidth=0.5, label=row.flavour)  # fmt: skip
    front = rows[rows["front"] == 1].sort_values("seconds")
    axes.step(front["seconds"], front["value"], where="post", color="0.4", linewidth=0.6, zorder=0.8, label="front")
    axes.set_xscale("log")
    axes.set_ylim(*_window(rows))
    axes.set_xlim(rows["seconds"].min() * 0.8, rows["seconds"].max() * 1.25)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(labelsize=5.5)
