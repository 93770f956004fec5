"""Average rank of each flavour at each metric over datasets, architectures and latent sizes, as a share of the flavours
that are ranked: the darker the better. White is no rank: a metric does not apply, or a value is missing somewhere.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.statistics import _numbers
from vaebench.report.tables.columns import metric_of
from vaebench.study import catalogue

INPUTS = ("average_ranks",)
SHADES = LinearSegmentedColormap.from_list("ranks", ["#00224e", "#4f6c8f", "#b9c6cf", "#f1efe3"])
FEWEST = 3  # flavours that make a rank worth showing
PITCH, ABOVE = 0.125, 1.75  # inches, of a row, and of the names above


@style.styled
def rank_map(average_ranks: pd.DataFrame, palette: style.Palette) -> Figure:
    """A row per flavour by family, a column per metric by folder."""
    table = _shares(average_ranks)
    if table.empty:
        return style.nothing("no flavour is ranked", "")
    shown = _numbers.numbers(table)
    flavours = style.ordered(table["flavour"], palette)
    heights = style.places(flavours, palette)
    figure, [axes] = style.canvas(1, 1, (style.TWO, ABOVE + style.height(flavours, palette, PITCH)))
    style.rows(axes, flavours, palette)
    axes.grid(visible=False)
    for patch in list(axes.patches):
        patch.remove()
    columns = {number: place for place, number in enumerate(shown)}
    for row in table.itertuples():
        place = columns.get((row.part, row.metric))
        if place is not None:
            y = heights[row.flavour]
            axes.fill_between([place - 0.5, place + 0.5], y - 0.5, y + 0.5, color=SHADES(row.share), linewidth=0)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(shown)), [_numbers.short(number) for number in shown], rotation=90, fontsize=style.SMALL)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(shown) - 0.5)
    axes.spines[:].set_visible(False)
    groups = [catalogue.group_of("metrics", metric_of(metric)) for _, metric in shown]
    for border in np.flatnonzero(np.array(groups[1:]) != np.array(groups[:-1])):
        axes.axvline(border + 0.5, color="0.3", linewidth=0.7)
    shades = ScalarMappable(Normalize(0, 1), SHADES)
    bar = figure.colorbar(shades, ax=axes, location="bottom", shrink=0.4, aspect=40, pad=0.01, ticks=[0, 0.5, 1])
    bar.ax.set_xticklabels(["best", "middle", "last"])
    return figure


def finding(average_ranks: pd.DataFrame, palette: style.Palette) -> str:
    """Which flavours are the best over all metrics."""
    table = _shares(average_ranks)
    table = table[pd.MultiIndex.from_frame(table[["part", "metric"]]).isin(_numbers.numbers(table))]
    each = table.groupby("flavour")["share"].agg(["median", "size"])
    each = each[each["size"] >= each["size"].max() / 2].sort_values("median")
    if len(each) < FEWEST:
        return ""
    told = ", ".join(f"{palette[row.Index].name} ({row.median:.0%})" for row in each.head(3).itertuples())
    return f"The median over metrics of the share of flavours that are better is least with {told}."


def _shares(average_ranks: pd.DataFrame) -> pd.DataFrame:
    """Rows with the ``share`` of the other ranked flavours before each, from 0 to 1."""
    table = _numbers.of_most(average_ranks).dropna(subset="average_rank")
    table = table[table["flavours"] >= FEWEST]
    return table.assign(share=(table["average_rank"] - 1) / (table["flavours"] - 1))
