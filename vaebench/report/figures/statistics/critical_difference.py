"""Average ranks of flavours over datasets, architectures and latent sizes, 1 the best; bars on the right join those
that Nemenyi's test at 0.05 does not tell apart.

Demšar 2006, https://www.jmlr.org/papers/v7/demsar06a.html.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style
from vaebench.report.figures.statistics import _numbers

INPUTS = ("average_ranks",)
PITCH, BESIDE = 0.115, 4  # inches, of a row, and panels in a row
STEP = 0.035  # of a panel's width, between bars


@style.styled
def critical_difference(average_ranks: pd.DataFrame, palette: style.Palette) -> Figure:
    """A panel per headline metric, a row per flavour that is ranked, the best on top."""
    table = _numbers.of_most(average_ranks)
    ranked = table.dropna(subset="average_rank")
    shown = [number for number in _numbers.headlines(ranked) if len(_numbers.rows(ranked, number))]
    note = _note(table, shown)
    if not shown:
        return style.nothing("no flavour is ranked", note)
    count = max(len(_numbers.rows(ranked, number)) for number in shown)
    size = style.TWO / BESIDE, 0.45 + PITCH * (count + 1)
    handles = style.family_handles(ranked["flavour"], palette)
    figure, grid = style.canvas(len(shown), BESIDE, size, handles=handles, note=note)
    for axes, number in zip(grid, shown, strict=True):
        axes.set_title(_numbers.title(number), loc="right")
        _draw(axes, _numbers.rows(ranked, number).sort_values(["average_rank", "flavour"]), palette)
        axes.set_ylim(count - 0.4, -0.6)
    return figure


def finding(average_ranks: pd.DataFrame, palette: style.Palette) -> str:
    """Which flavour is first at each, and how many are not told from it."""
    ranked = _numbers.of_most(average_ranks).dropna(subset="average_rank")
    parts = []
    for number in _numbers.headlines(ranked):
        rows = _numbers.rows(ranked, number).sort_values(["average_rank", "flavour"])
        if len(rows):
            first = rows.iloc[0]
            told = f"{_numbers.title(number)} {palette[first['flavour']].name} ({first['average_rank']:.3g}"
            if first["reason"]:
                parts.append(f"{told}; untested)")
            else:
                tied = {*first["cliques"].split()}
                count = sum(bool(tied & {*cliques.split()}) for cliques in rows["cliques"][1:])
                parts.append(f"{told}; not told from {count} of {len(rows) - 1} others)")
    return f"The first average rank has in {', in '.join(parts)}." if parts else ""


def _note(table: pd.DataFrame, shown: list[_numbers.Number]) -> str:
    """Why there are no bars."""
    reasons: dict[str, list[str]] = {}
    for number in shown:
        rows = _numbers.rows(table, number).dropna(subset="average_rank")
        if rows["reason"].iloc[0]:
            reasons.setdefault(rows["reason"].iloc[0], []).append(_numbers.short(number))
    told = [f"{', '.join(names)} ({reason})" for reason, names in reasons.items()]
    return f"No test of {'; '.join(told)}." if told else ""


def _draw(axes: Axes, rows: pd.DataFrame, palette: style.Palette) -> None:
    axes.grid(visible=False, axis="y")
    for place, row in enumerate(rows.itertuples()):
        look = palette[row.flavour]
        axes.hlines(place, 1, row.average_rank, color=style.OTHERS, linewidth=0.6, zorder=0.5)
        axes.plot(row.average_rank, place, look.marker, color=look.colour, markersize=3, label=row.flavour)
    axes.set_yticks(range(len(rows)), [palette[flavour].name for flavour in rows["flavour"]], fontsize=style.SMALL)
    for tick, flavour in zip(axes.yaxis.get_major_ticks(), rows["flavour"], strict=True):
        tick.label1.set_color(palette[flavour].ink)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("average rank")
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    cliques: dict[str, list[int]] = {}
    for place, numbers in enumerate(rows["cliques"]):
        for number in str(numbers).split():
            cliques.setdefault(number, []).append(place)
    for lane, places in enumerate(cliques.values()):
        axes.plot([1.0 + STEP * (lane + 0.5)] * 2, [min(places) - 0.3, max(places) + 0.3], color="0.25",
                  linewidth=1.2, transform=axes.get_yaxis_transform(), clip_on=False, label="clique")  # fmt: skip
