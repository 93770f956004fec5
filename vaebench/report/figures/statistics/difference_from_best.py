"""Each flavour less the best one (dotted), paired by seed and image, with its 95 % interval where there is one: filled
where the interval holds 0 or there is none to tell by, open where the flavour is told from the best.

That the best was chosen as such from all flavours is not corrected for. An arrow at the edge stands for a difference
far beyond it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style
from vaebench.report.figures.statistics import _numbers

SCOPE = "block"
INPUTS = ("best",)
FACES = {"best": 1.0, "tied": 0.6, "untold": 0.25, "worse": 0.0}  # how much of a marker is filled
TOLD = {"best": "best", "tied": "not told from the best", "untold": "no interval", "worse": "told from the best"}
PITCH = 0.125  # inches, of a row


@style.styled
def difference_from_best(best: pd.DataFrame, palette: style.Palette) -> Figure:
    """A column per headline metric, a row per flavour."""
    table = _numbers.of_most(best)
    ranked = table[table["standing"].isin(FACES) & np.isfinite(table["difference"])]
    shown = _numbers.headlines(ranked)
    if not shown:
        return style.nothing("no flavour has a value", "")
    ranked = pd.concat([_numbers.rows(ranked, number) for number in shown])
    flavours = style.ordered(ranked["flavour"], palette)
    handles = [
        Line2D([], [], linestyle="", marker="o", color="0.25", markerfacecolor=style.tint("0.25", FACES[name]),
               label=told) for name, told in TOLD.items() if name in set(ranked["standing"])
    ]  # fmt: skip
    size = style.TWO / len(shown), 0.55 + style.height(flavours, palette, PITCH)
    figure, grid = style.canvas(len(shown), len(shown), size, handles=handles, sharey=True)
    for axes, number in zip(grid, shown, strict=True):
        axes.set_title(_numbers.title(number), fontsize=style.SMALL)
        style.rows(axes, flavours, palette)
        _draw(axes, _numbers.rows(ranked, number), palette, style.places(flavours, palette))
    return figure


def finding(best: pd.DataFrame, palette: style.Palette) -> str:
    """The best of each, and how many are told from it."""
    table = _numbers.of_most(best)
    parts = []
    for number in _numbers.headlines(table):
        rows = _numbers.rows(table, number)
        first = rows[rows["standing"] == "best"]
        if len(first):
            counts = rows["standing"].value_counts()
            others = sum(counts.get(name, 0) for name in ("tied", "untold", "worse"))
            parts.append(
                f"{_numbers.title(number)} {palette[first['flavour'].iloc[0]].name} ({first['mean'].iloc[0]:.4g}, told "
                f"from {counts.get('worse', 0)} of {others})"
            )
    return f"The best means: {'; '.join(parts)}." if parts else ""


def _draw(axes: Axes, rows: pd.DataFrame, palette: style.Palette, heights: dict[str, float]) -> None:
    low, high = style.window(rows["difference"], rows["low"], rows["high"], best=[0.0])
    for row in rows.itertuples():
        look, y = palette[row.flavour], heights[row.flavour]
        inside = low <= row.difference <= high
        mark = "o" if inside else "<" if row.difference < low else ">"  # round, so that its filling is seen
        if np.isfinite(row.low) and np.isfinite(row.high):
            axes.hlines(y, row.low, row.high, color=look.colour, linewidth=0.7)
        axes.plot(np.clip(row.difference, low, high), y, mark, color=look.colour, markersize=3, markeredgewidth=0.6,
                  markerfacecolor=style.tint(look.colour, FACES[row.standing]), label=row.flavour,
                  clip_on=False)  # fmt: skip
    axes.axvline(0, color="0.3", linewidth=0.7, linestyle=":", zorder=0.5)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.set_xlabel("difference from the best", fontsize=style.SMALL)
