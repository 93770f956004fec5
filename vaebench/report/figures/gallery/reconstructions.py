"""Test images (first row) and their reconstructions by each flavour; many flavours are in several columns."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.tiles import tile

QUESTION = "reconstruction"
MOST = 24  # flavours in one column
SIDE = 0.3  # inches, of an image, at most


@style.styled
def reconstructions(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A row of images per flavour; ``originals`` and ``reconstructions`` are (n, channels, height, width) in [0, 1]."""
    shown, absent = style.split(
        style.lacks(galleries, palette, "reconstructions", "no reconstructions", "images_reason")
    )
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no flavour has reconstructions", note)
    originals = "originals", galleries[shown[0]]["originals"], "black"
    rows = [(palette[flavour].name, galleries[flavour]["reconstructions"], palette[flavour].ink) for flavour in shown]
    each = math.ceil(len(rows) / math.ceil(len(rows) / MOST))
    columns = [[originals, *rows[start : start + each]] for start in range(0, len(rows), each)]
    labels = 0.2 + 0.05 * max(len(name) for name, _, _ in (originals, *rows))
    wide = min(SIDE, (style.TWO / len(columns) - labels) / len(originals[1]))
    panel = wide * len(originals[1]) + labels, wide + 0.03
    handles = style.family_handles(shown, palette)
    count = len(columns) * len(columns[0])
    figure, grid = style.canvas(count, len(columns), panel, handles=handles, note=note, least=style.ONE)
    for place, axes in enumerate(grid):
        row, column = divmod(place, len(columns))
        if row >= len(columns[column]):
            axes.remove()
            continue
        name, images, ink = columns[column][row]
        axes.imshow(tile(images, len(images)), interpolation="nearest")
        axes.set(xticks=[], yticks=[], anchor="W")
        axes.spines[:].set_visible(False)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", color=ink, fontsize=style.SMALL)
    return figure


def finding(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> str:
    """Whose reconstructions of these images are nearest to them, and whose farthest."""
    shown = style.having(galleries, palette, "reconstructions")
    errors = {
        flavour: float(np.nanmean((galleries[flavour]["reconstructions"] - galleries[flavour]["originals"]) ** 2))
        for flavour in style.compared(palette)
        if flavour in shown
    }
    if not errors:
        return ""
    best, worst = min(errors, key=errors.__getitem__), max(errors, key=errors.__getitem__)
    return (
        f"Of these images the mean squared error is least with {palette[best].name} ({errors[best]:.3g}) and greatest "
        f"with {palette[worst].name} ({errors[worst]:.3g})."
    )
