"""Images that each sampler draws from each flavour; a dash, or nothing among many samplers, where it does not apply."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.tiles import tile
from vaebench.study.naming import metric_name

PREFIX = "samples_"
IMAGES = 6  # of a sampler
MOST = 24  # flavours in one column
SIDE = 0.3  # inches, of an image, at most
SAMPLERS, ACROSS = 3, 5  # samplers in columns of their own at most, and strips in a row where there are more


@style.styled
def sampler_sheets(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A row per flavour and a column per sampler or, of many samplers, a strip for each that applies.

    ``samples_SAMPLER`` are (m, channels, height, width) in [0, 1], absent where it does not apply. Many flavours are in
    two blocks; those that no sampler applies to are told below.
    """
    samplers = sorted({name for arrays in galleries.values() for name in arrays if name.startswith(PREFIX)}) or [PREFIX]
    lacking = [style.lacks(galleries, palette, name, "no sampler applies", "images_reason") for name in samplers]
    shown, absent = style.split({flavour: min(lack[flavour] for lack in lacking) for flavour in palette})
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no sampler applies to any flavour", note)
    if len(samplers) > SAMPLERS:
        return _strips(galleries, palette, [(f, s) for f in shown for s in samplers if s in galleries[f]], note)
    blocks = math.ceil(len(shown) / MOST)
    rows, columns = math.ceil(len(shown) / blocks), blocks * len(samplers)
    labels = blocks * (0.1 + 0.05 * max(len(palette[flavour].name) for flavour in shown))
    wide = min(SIDE, (style.TWO - labels) / columns / IMAGES)
    size = wide * IMAGES + 0.1 + labels / columns, wide + 0.03
    handles = style.family_handles(shown, palette)
    figure, grid = style.canvas(rows * columns, columns, size, handles=handles, note=note, least=style.ONE)
    for place, axes in enumerate(grid):
        row, column = divmod(place, columns)
        block, column = divmod(column, len(samplers))
        if block * rows + row >= len(shown):
            axes.remove()
            continue
        flavour, sampler = shown[block * rows + row], samplers[column]
        _show(axes, galleries[flavour].get(sampler))
        if row == 0:
            axes.set_title(metric_name(sampler.removeprefix(PREFIX)))
        if column == 0:
            look = palette[flavour]
            axes.set_ylabel(look.name, rotation=0, ha="right", va="center", color=look.ink, fontsize=style.SMALL)
    return figure


def _strips(
    galleries: Mapping[str, style.Arrays], palette: style.Palette, pairs: list[tuple[str, str]], note: str
) -> Figure:
    """A strip for each flavour and sampler."""
    size, handles = (style.TWO / ACROSS, 0.43), style.family_handles([flavour for flavour, _ in pairs], palette)
    figure, grid = style.canvas(len(pairs), ACROSS, size, handles=handles, note=note)
    for axes, (flavour, sampler) in zip(grid, pairs, strict=True):
        _show(axes, galleries[flavour][sampler])
        sampled = metric_name(sampler.removeprefix(PREFIX))
        style.name(axes, palette[flavour]._replace(name=style.title(palette[flavour].name, sampled)))
    return figure


def _show(axes: Axes, images: np.ndarray | None) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if images is None:
        axes.set_box_aspect(1 / IMAGES)
        axes.text(0.5, 0.5, "—", ha="center", va="center", transform=axes.transAxes)
    else:
        axes.imshow(tile(images[:IMAGES], IMAGES), interpolation="nearest")
