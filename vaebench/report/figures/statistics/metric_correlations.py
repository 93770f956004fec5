"""Whether metrics agree on which flavours are good: Spearman's correlation of two metrics over flavours, each turned so
that higher is better, mean over datasets, architectures and latent sizes. Blue: what is good at one is good at the
other; brown: what is good at one is bad at the other. Grey is no correlation: too few flavours have both.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.statistics import _numbers

INPUTS = ("metric_correlation",)
SIGNS = LinearSegmentedColormap.from_list("signs", ["#8c510a", "#dfc27d", "#ffffff", "#80b1d3", "#08306b"])
FEWEST = 5  # flavours of a correlation


@style.styled
def metric_correlations(metric_correlation: pd.DataFrame, palette: style.Palette) -> Figure:
    """The lower triangle of the matrix, metrics by folder."""
    table = _couples(metric_correlation)
    if table.empty:
        return style.nothing("no two metrics have flavours in common", "")
    shown = _shown(table)
    place = {number: i for i, number in enumerate(shown)}
    matrix = np.full((len(shown), len(shown)), np.nan)
    for row in table.itertuples():
        one, other = place.get((row.part, row.metric)), place.get((row.other_part, row.other_metric))
        if one is not None and other is not None:
            matrix[max(one, other), min(one, other)] = row.correlation
    lower = np.tril(np.ones_like(matrix, bool), -1)
    size = min(style.TWO, 2.0 + 0.16 * len(shown))
    figure, [axes] = style.canvas(1, 1, (size, size))
    axes.grid(visible=False)
    axes.imshow(np.where(lower & np.isnan(matrix), 0.0, np.nan)[1:, :-1], cmap="Greys", vmin=-1, vmax=3, aspect="auto")
    image = axes.imshow(matrix[1:, :-1], cmap=SIGNS, vmin=-1, vmax=1, interpolation="nearest", aspect="auto")
    names = [_numbers.short(number) for number in shown]
    axes.set_xticks(range(len(shown) - 1), names[:-1], rotation=90, fontsize=5.5)
    axes.set_yticks(range(len(shown) - 1), names[1:], fontsize=5.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, location="top", shrink=0.4, aspect=40, pad=0.01, label="Spearman's ρ")
    return figure


def finding(metric_correlation: pd.DataFrame, palette: style.Palette) -> str:
    """Which metrics of different kinds oppose each other most."""
    table = _couples(metric_correlation)
    shown = {*_shown(table)} if len(table) else set()
    keys = [((row.part, row.metric), (row.other_part, row.other_metric)) for row in table.itertuples()]
    kept = np.array([one in shown and other in shown for one, other in keys], dtype=bool)
    table = table[kept].dropna(subset="correlation")
    if table.empty:
        return ""
    row = table.loc[table["correlation"].idxmin()]
    one, other = (row["part"], row["metric"]), (row["other_part"], row["other_metric"])
    share = (table["correlation"] > 0).mean()
    return (
        f"Of {len(table)} couples of metrics {share:.0%} agree (ρ > 0); {_numbers.short(one)} and "
        f"{_numbers.short(other)} oppose each other most (ρ = {row['correlation']:.2f})."
    )


def _couples(metric_correlation: pd.DataFrame) -> pd.DataFrame:
    table = _numbers.of_most(metric_correlation)
    return table[table["flavours"] >= FEWEST]


def _shown(table: pd.DataFrame) -> list[_numbers.Number]:
    others = table[["other_part", "other_metric"]].set_axis(["part", "metric"], axis=1)
    return _numbers.numbers(pd.concat([table[["part", "metric"]], others]))
