"""Small multiples: a row of panels for each family, keyed beside it, with all other flavours grey behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaebench.report.figures import style
from vaebench.study import catalogue
from vaebench.study.naming import CONTROLS

LEAST = 0.36  # inches, of a panel's height
LINE = 0.086  # of a line of the key
KEY = 5.5  # points, of its letters
MARKS = 5  # on a line, about
ABOVE, BELOW = 0.35, 0.25  # inches, of the titles and of the ticks of a block
COLUMNS = ["facet", "column", "flavour", "x", "y", "low", "high"]

Limits = Callable[[pd.DataFrame], tuple[float, float]]


def multiples(
    curves: pd.DataFrame,
    palette: style.Palette,
    columns: Mapping[Any, str],
    *,
    xlabel: str,
    absent: Iterable[style.Absence] = (),
    adjust: Callable[[Axes], None],
    limits: Limits = lambda rows: style.window(rows["y"], rows["low"], rows["high"]),
) -> Figure:
    """A block of rows for each ``facet`` of the curves, and a column for each of ``columns``, by its title.

    ``curves`` have `COLUMNS`; the lines of a column of a block share their axes, whose vertical ``limits`` are a
    function of its curves. Controls are in every panel. The note tells who is ``absent``, and whose curve in a column
    lies beyond its axes.
    """
    families = style.members(curves["flavour"], palette)
    controls = families.pop(CONTROLS, []) if len(families) > 1 else []
    facets = [*dict.fromkeys(curves["facet"])]
    panels = dict(iter(curves.groupby(["facet", "column"], sort=False)))
    ends = {panel: limits(rows) for panel, rows in panels.items()}
    beyond = [
        (flavour, columns[panel[1]] + (f" of {panel[0]}" if len(facets) > 1 else ""), style.BEYOND)
        for panel, rows in panels.items()
        for flavour in style.beyond(rows, {"y": ends[panel]})
    ]
    heights = [max(LEAST, LINE * (len(flavours) + 1.3)) for flavours in families.values()]
    shown = [palette[flavour].handle() for flavour in controls]
    for handle in shown:
        handle.set_marker("")
    if len(families) > 1:
        shown.append(Line2D([], [], color=style.OTHERS, label="flavours of the other families"))
    figure = style.page(style.TWO, len(facets) * (sum(heights) + ABOVE + BELOW), shown,
                        style.absences([*absent, *beyond], palette))  # fmt: skip
    blocks = figure.subfigures(len(facets), 1, squeeze=False)[:, 0]
    for block, facet in zip(blocks, facets, strict=True):
        grid = block.subplots(len(families), len(columns), squeeze=False, height_ratios=heights, sharex="col",
                              sharey="col")  # fmt: skip
        for place, column in enumerate(columns):
            rows = panels.get((facet, column), curves.iloc[:0])
            drawn = dict(iter(rows.groupby("flavour")))
            grid[0, place].set_title("\n".join(filter(None, (facet, columns[column]))))
            grid[-1, place].set_xlabel(xlabel)
            grid[0, place].set_xlim(*style.reach(rows["x"]))
            for axes, own in zip(grid[:, place], families.values(), strict=True):
                _draw(axes, drawn, own, controls, palette)
                adjust(axes)
            if rows.empty:
                grid[0, place].set(xticks=[], yticks=[])
                continue
            grid[0, place].set_ylim(*ends[facet, column])
        for axes, (family, own) in zip(grid[:, -1], families.items(), strict=True):
            _key(axes, family, [palette[flavour] for flavour in own])
    return figure


def _draw(
    axes: Axes, drawn: Mapping[str, pd.DataFrame], own: list[str], controls: list[str], palette: style.Palette
) -> None:
    others = [flavour for flavour in drawn if flavour not in own and flavour not in controls]
    style.behind(axes, [drawn[flavour][["x", "y"]].to_numpy(float) for flavour in others])
    for flavour in [*controls, *own]:
        if flavour in drawn:
            _curve(axes, drawn[flavour], flavour, palette[flavour], flavour not in controls)
    axes.tick_params(labelsize=KEY)


def _curve(axes: Axes, curve: pd.DataFrame, flavour: str, look: style.Look, marked: bool) -> None:
    """A line with a band; a level line for what is constant, and a marker with a bar for what is one point."""
    if len(curve) == 1 and not marked:
        axes.axhline(curve["y"].item(), label=flavour, linewidth=0.8, **look.line())
        return
    marker: dict[str, Any] = {"marker": look.marker, "markersize": 2.5} if marked else {}
    if len(curve) > MARKS:
        marker["markevery"] = len(curve) // MARKS + 1
    axes.plot(curve["x"], curve["y"], label=flavour, linewidth=0.9, **marker, **look.line())
    if len(curve) > 1:
        axes.fill_between(curve["x"], curve["low"], curve["high"], color=look.colour, alpha=style.BAND, linewidth=0)
    else:
        axes.vlines(curve["x"], curve["low"], curve["high"], color=look.colour, linewidth=0.7)


def _key(axes: Axes, family: str, looks: list[style.Look]) -> None:
    handles = [look.handle() for look in looks]
    for handle in handles:
        handle.set(linewidth=0.9, markersize=2.8)
    key = axes.legend(
        handles=handles,
        title=catalogue.title("flavours", family),
        loc="center left",
        bbox_to_anchor=(1.03, 0.5),
        borderaxespad=0,
        borderpad=0,
        fontsize=KEY,
        title_fontproperties={"size": KEY, "weight": "bold"},
        alignment="left",
        labelspacing=0.05,
        handlelength=2.6,
        handletextpad=0.5,
    )
    for text in [key.get_title(), *key.get_texts()]:
        text.set_color(looks[0].ink)
