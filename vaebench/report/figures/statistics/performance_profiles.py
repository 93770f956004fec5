"""Share of a flavour's runs whose score is above each threshold, a row per family with all others grey behind; with
95 % bands over blocks and seeds. A score is linear in a metric within a dataset, architecture and latent size: 0 is the
median flavour there and 1 the best one. A curve above another is better at every threshold.

Agarwal et al. 2021, https://arxiv.org/abs/2108.13264.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from vaebench.report.figures import style
from vaebench.report.figures.multiples import multiples
from vaebench.report.figures.statistics import _numbers

INPUTS = ("profiles",)


@style.styled
def performance_profiles(profiles: pd.DataFrame, palette: style.Palette) -> Figure:
    """A column per headline metric."""
    table = _numbers.of_most(profiles).dropna(subset="share")
    shown = _numbers.headlines(table)
    if not shown:
        return style.nothing("no flavour has a score", "")
    curves = pd.concat([_numbers.rows(table, number).assign(column=place) for place, number in enumerate(shown)])
    curves = curves.rename(columns={"tau": "x", "share": "y"}).assign(facet="")

    def adjust(axes: Axes) -> None:
        axes.xaxis.set_major_locator(FixedLocator([-1, 0, 1]))
        axes.yaxis.set_major_locator(FixedLocator([0, 0.5, 1]))

    columns = {place: _numbers.title(number) for place, number in enumerate(shown)}
    return multiples(curves, palette, columns, xlabel="score", adjust=adjust, limits=lambda rows: (-0.05, 1.05))


def finding(profiles: pd.DataFrame, palette: style.Palette) -> str:
    """Which flavour is most often above the median one."""
    table = _numbers.of_most(profiles).dropna(subset="share")
    table = table[(table["tau"] == 0) & table["flavour"].isin(style.compared(palette))]
    parts = []
    for number in _numbers.headlines(table):
        rows = _numbers.rows(table, number)
        if len(rows):
            always = [palette[flavour].name for flavour in style.ordered(rows["flavour"][rows["share"] == 1], palette)]
            parts.append(f"{_numbers.title(number)} {len(always)} of {len(rows)}")
    return f"Better than the median flavour in every run are, in {', in '.join(parts)} flavours." if parts else ""
