"""How the rate is spread over the latent coordinates, the largest share first, a row per family with all others grey
behind: mean Kullback-Leibler divergence of a coordinate's posterior from its prior over the test images and seeds.

Below 0.01 nats (dotted) a coordinate is collapsed: it says nothing of the image.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style
from vaebench.report.figures.multiples import multiples

QUESTION = "codes"
PREFIX = "kl_per_dimension"
FLOOR, COLLAPSED = 1e-3, 0.01  # nats


@style.styled
def kl_spectra(summary: pd.DataFrame, palette: style.Palette) -> Figure:
    """A block of rows per dataset and architecture, a column per latent size; ``kl_per_dimension_1``, ``_2``, ..."""
    spectra = _spectra(summary)
    reasons = summary[(summary["metric"] == PREFIX) & (summary["reason"] != "")].drop_duplicates("flavour")
    reasons = dict(zip(reasons["flavour"], reasons["reason"], strict=True))
    lacking = style.ordered(set(summary["flavour"]) - set(spectra["flavour"]), palette)
    absent = [(flavour, "", reasons.get(flavour, "not measured")) for flavour in lacking]
    if spectra.empty:
        return style.nothing("no flavour has a rate for each coordinate", style.absences(absent, palette))
    curves = spectra.assign(
        column=spectra["latent"], x=spectra["rank"], y=spectra["mean"].clip(lower=FLOOR),
        low=spectra["low"].clip(lower=FLOOR), high=spectra["high"].clip(lower=FLOOR), facet=style.facet(spectra),
    )  # fmt: skip

    def adjust(axes: Axes) -> None:
        axes.set_yscale("log")
        axes.axhline(COLLAPSED, color="0.6", linewidth=0.6, linestyle=":", zorder=0.5)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 4, 5, 10]))

    most = curves["y"].max() * 1.5
    return multiples(
        curves,
        palette,
        {size: f"KL (nats), {size} latents" for size in sorted(spectra["latent"].unique())},
        xlabel="coordinate by rank",
        absent=absent,
        adjust=adjust,
        limits=lambda rows: (FLOOR / 1.3, most),
    )


def finding(summary: pd.DataFrame, palette: style.Palette) -> str:
    """How many coordinates are not collapsed at the largest size."""
    spectra = _spectra(summary)
    spectra = spectra[spectra["flavour"].isin(style.compared(palette))]
    if spectra.empty:
        return ""
    size = spectra["latent"].max()
    rows = spectra[spectra["latent"] == size].assign(used=lambda rows: rows["mean"] > COLLAPSED)
    used = rows.groupby(["dataset", "architecture", "flavour"])["used"].sum().groupby("flavour").mean().sort_values()
    least, most = used.index[0], used.index[-1]
    return (
        f"Of {size} latents, on average over datasets and architectures {palette[least].name} uses the fewest "
        f"({used.iloc[0]:.3g}) and {palette[most].name} the most ({used.iloc[-1]:.3g}); {(used == size).sum()} of "
        f"{len(used)} flavours use all."
    )


def _spectra(summary: pd.DataFrame) -> pd.DataFrame:
    """Rows of coordinates, with the ``rank`` of each."""
    ranks = summary["metric"].str.extract(rf"^{PREFIX}_(\d+)$")[0]
    rows = summary[ranks.notna() & np.isfinite(summary["mean"])]
    rows = rows.assign(rank=ranks[rows.index].astype(int))
    return rows.sort_values(["dataset", "architecture", "flavour", "latent", "rank"])
