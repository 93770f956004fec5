"""Rate and distortion of each flavour, its latent sizes joined by a line: mean over seeds and, from three on, its 95 %
Student interval. On the left are all, with the hull of each family at each latent size; beside it each family, with all
others grey behind.

Their sum is the negative ELBO: it is constant along the grey lines, and lower ones are better.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style
from vaebench.report.figures.labels import label
from vaebench.study import catalogue
from vaebench.study.naming import CONTROLS
from vaebench.study.tidy import CELL

QUESTION = "likelihood"
NOTHING = "no flavour has both a rate and a distortion"
COLUMNS, HIGH = 4, 1.5  # panels side by side, and inches
PLACE = ["rate", "distortion"]


@style.styled
def rate_distortion(summary: pd.DataFrame, palette: style.Palette) -> Figure:
    """A block of panels per dataset and architecture; both axes are in nats per image."""
    points = _points(summary)
    records = _missing(summary, set(summary["flavour"]) - set(points["flavour"]))
    if points.empty:
        return style.nothing(NOTHING, style.absences(records, palette))
    facets = dict(iter(points.groupby(style.facet(points))))
    limits = {name: _limits(rows, palette) for name, rows in facets.items()}
    beyond = {name: style.beyond(rows, limits[name]) for name, rows in facets.items()}
    for name, outside in beyond.items():
        records += [(flavour, name if len(facets) > 1 else "", style.BEYOND) for flavour in outside]
    note = style.absences(records, palette)
    drawn = {name: {family: own for family, own in style.members(rows["flavour"], palette).items()
                    if family != CONTROLS} for name, rows in facets.items()}  # fmt: skip
    down = {name: 2 if len(own) < 2 else max(2, math.ceil((len(own) + 4) / COLUMNS)) for name, own in drawn.items()}
    latents = style.sizes(sorted(points["latent"].unique()))
    handles: list[Artist] = [
        Line2D([], [], linestyle="", marker=mark, color="0.25", markerfacecolor=style.tint("0.25", share),
               label=f"latent size {size}") for size, (mark, share) in latents.items()
    ]  # fmt: skip
    handles += style.family_handles(points["flavour"], palette)
    figure = style.page(style.TWO, sum(down.values()) * HIGH + 0.2 * len(facets), handles, note)
    rows = GridSpec(sum(down.values()), COLUMNS, figure=figure)
    top, large, small = 0, [], []
    for name, own in drawn.items():
        alone = len(own) < 2
        axes = figure.add_subplot(rows[top : top + 2, : COLUMNS if alone else 2])
        large.append((axes, facets[name], own))
        _plane(axes, limits[name], name)
        cells = [(row, column) for row in range(down[name]) for column in range(COLUMNS) if row > 1 or column > 1]
        for (row, column), (family, flavours) in zip(cells, {} if alone else own.items(), strict=False):
            panel = figure.add_subplot(rows[top + row, column], sharex=axes, sharey=axes)
            panel.set_title(catalogue.title("flavours", family), color=palette[flavours[0]].ink, fontsize=style.SMALL)
            panel.tick_params(labelsize=5.5, labelleft=column == 0)
            _family(panel, facets[name], flavours, palette)
            if set(flavours) <= {*beyond[name]}:
                panel.text(0.5, 0.5, style.BEYOND, transform=panel.transAxes, ha="center", va="center", fontsize=5.5,
                           color="0.4")  # fmt: skip
            small.append((panel, facets[name], flavours))
        top += down[name]
    for axes, table, own in large:
        _all(axes, table, own, palette, latents)
        for flavours in own.values() if len(own) < 2 else ():
            _family(axes, table, flavours, palette)
    figure.draw_without_rendering()
    for axes, table, own in large:
        _name_families(axes, table, own, palette)
    for axes, table, flavours in small:
        _name_flavours(axes, table, flavours, palette)
    return figure


def finding(summary: pd.DataFrame, palette: style.Palette) -> str:
    """Which flavour is lowest, of each dataset and architecture."""
    points = _points(summary)
    points = points[points["flavour"].isin(style.compared(palette))]
    points = points.assign(total=points["rate"] + points["distortion"])
    best = points.loc[points.groupby(style.facet(points))["total"].idxmin()]
    told = [
        f"{palette[row.flavour].name} with {row.latent} latents{f' on {facet}' if len(best) > 1 else ''} "
        f"({row.rate:.1f} + {row.distortion:.1f} = {row.total:.1f} nats)"
        for row, facet in zip(best.itertuples(), style.facet(best), strict=True)
    ]
    return f"The least sum has {'; '.join(told)}." if told else ""


def _points(summary: pd.DataFrame) -> pd.DataFrame:
    """A row per cell that has both: ``rate`` and ``distortion``, and the half-width of each interval (0 for none)."""
    rows = summary[summary["metric"].isin(PLACE)]
    rows = rows.assign(half=(rows["high"] - rows["mean"]).fillna(0.0))
    table = rows.pivot(index=CELL, columns="metric", values=["mean", "half"])
    table = table.reindex(columns=pd.MultiIndex.from_product([["mean", "half"], PLACE]))
    table.columns = pd.Index([*PLACE, *(f"{name}_half" for name in PLACE)])
    return table[np.isfinite(table[PLACE].astype(float)).all(axis=1)].astype(float).reset_index()


def _limits(points: pd.DataFrame, palette: style.Palette) -> dict[str, tuple[float, float]]:
    """Of both axes, within which are all flavours but those far out."""
    flavours = points[points["flavour"].isin(style.compared(palette))]
    flavours = points if flavours.empty else flavours
    least = flavours[PLACE].sum(axis=1).idxmin()
    return {
        of: style.window(mean, mean - half, mean + half, best=[mean[least]])
        for of, mean, half in ((of, flavours[of], flavours[f"{of}_half"]) for of in PLACE)
    }


def _plane(axes: Axes, limits: dict[str, tuple[float, float]], name: str) -> None:
    axes.set(title=name, xlabel="rate (nats)", ylabel="distortion (nats)")
    axes.set(xlim=limits["rate"], ylim=limits["distortion"])
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.autoscale(False)


def _all(
    axes: Axes,
    points: pd.DataFrame,
    own: dict[str, list[str]],
    palette: style.Palette,
    latents: dict[int, tuple[str, float]],
) -> None:
    """All flavours and controls, the hull of each family at each latent size, and lines of equal ELBO."""
    for latent, rows in points.groupby("latent"):
        mark, share = latents[latent]
        for flavours in own.values():
            places = rows.loc[rows["flavour"].isin(flavours), PLACE].to_numpy()
            colour = palette[flavours[0]].colour
            axes.fill(*_hull(places).T, facecolor=(colour, 0.12), edgecolor=(colour, 0.6), linewidth=0.5, zorder=1)
        for row in rows.itertuples():
            look = palette[row.flavour]
            axes.plot(row.rate, row.distortion, mark, color=look.colour, markerfacecolor=style.tint(look.colour, share),
                      markersize=3, markeredgewidth=0.6, label=row.flavour)  # fmt: skip
    _intervals(axes, points, palette, 0.5)
    _negative_elbo(axes)


def _hull(places: np.ndarray) -> np.ndarray:
    """Corners of the convex hull of points (n, 2), by turns (Andrew 1979); of fewer than three points, these."""
    points = sorted(map(tuple, places.tolist()))
    if len(points) < 3:
        return np.array(points).reshape(-1, 2)
    halves = []
    for way in (points, points[::-1]):
        half: list[tuple[float, ...]] = []
        for x, y in way:
            while len(half) > 1 and _turn(half[-2], half[-1], (x, y)) <= 0:
                half.pop()
            half.append((x, y))
        halves += half[:-1]
    return np.array(halves)


def _turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _family(axes: Axes, points: pd.DataFrame, flavours: list[str], palette: style.Palette) -> None:
    others = points[~points["flavour"].isin(flavours)].groupby("flavour")
    style.behind(axes, [rows[PLACE].to_numpy() for _, rows in others])
    for flavour in flavours:
        rows, look = points[points["flavour"] == flavour], palette[flavour]
        axes.plot(rows["rate"], rows["distortion"], label=flavour, marker=look.marker, markersize=2.5, linewidth=0.7,
                  **look.line())  # fmt: skip
    _intervals(axes, points[points["flavour"].isin(flavours)], palette, 0.8)


def _intervals(axes: Axes, points: pd.DataFrame, palette: style.Palette, width: float) -> None:
    rows = points[(points["rate_half"] > 0) | (points["distortion_half"] > 0)]
    colours: Any = [palette[flavour].colour for flavour in rows["flavour"]]
    x, y, across, up = (rows[name] for name in ("rate", "distortion", "rate_half", "distortion_half"))
    axes.errorbar(x, y, up, across, "none", ecolor=colours, elinewidth=width)


def _name_families(axes: Axes, points: pd.DataFrame, own: dict[str, list[str]], palette: style.Palette) -> None:
    """The names of families, of the only one those of its flavours; and of the controls that are within."""
    given = {palette[flavours[0]].family: flavours for flavours in own.values()}
    if len(own) < 2:
        _name_flavours(axes, points, [*dict.fromkeys(points["flavour"])], palette)
        return
    named = {
        catalogue.title("flavours", family): (
            points.loc[points["flavour"].isin(flavours), PLACE].to_numpy(),
            palette[flavours[0]].ink,
        )
        for family, flavours in given.items()
    }
    controls = points[~points["flavour"].isin(style.compared(palette))]
    named |= {
        palette[flavour].name: (rows[PLACE].to_numpy(), palette[flavour].ink)
        for flavour, rows in controls.groupby("flavour")
    }
    label(axes, named, _covered(points))


def _name_flavours(axes: Axes, points: pd.DataFrame, flavours: list[str], palette: style.Palette) -> None:
    named = {
        palette[flavour].name: (points.loc[points["flavour"] == flavour, PLACE].to_numpy(), palette[flavour].ink)
        for flavour in flavours
    }
    label(axes, named, _covered(points[points["flavour"].isin(flavours)]), 5.5)


def _covered(points: pd.DataFrame) -> np.ndarray:
    """What no name is to cover: points, and places along their intervals, (n, 2)."""
    along = np.linspace(-1, 1, 41)[:, None, None]
    halves = points[[f"{name}_half" for name in PLACE]].to_numpy()
    return np.concatenate([(points[PLACE].to_numpy() + along * halves * way).reshape(-1, 2) for way in np.eye(2)])


def _negative_elbo(axes: Axes) -> None:
    """Lines of equal rate + distortion, with the value of those that meet the right edge of the panel."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for level in MaxNLocator(7).tick_values(left + bottom, right + top):
        axes.axline((0, level), slope=-1, color="0.85", linewidth=0.6, zorder=0)
        if bottom + 0.02 * (top - bottom) < level - right < bottom + 0.94 * (top - bottom):
            axes.annotate(
                f"−ELBO {level:g}",
                (right, level - right),
                (0, 1),
                textcoords="offset points",
                fontsize=5.5,
                color="0.5",
                ha="right",
                zorder=0.5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
            )
    axes.set(xlim=(left, right), ylim=(bottom, top))


def _missing(summary: pd.DataFrame, absent: set[str]) -> list[style.Absence]:
    """Why flavours have no point."""
    summary = summary[summary["metric"].isin(PLACE)]
    reasons = {flavour: set(summary.loc[summary["flavour"] == flavour, "reason"]) - {""} for flavour in sorted(absent)}
    return [(flavour, "", "; ".join(sorted(given)) or "no value") for flavour, given in reasons.items()]
