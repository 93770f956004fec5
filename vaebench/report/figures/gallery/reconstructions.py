"""Test images (first row) and their reconstructions by each flavour; many flavours are in several columns."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.tiles import tile

MOST = 22  # flavours in one column


@style.styled
def reconstructions(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A row of images per flavour; ``originals`` and ``reconstructions`` are (n, channels, height, width) in [0, 1]."""
    shown, absent = style.split(
        style.lacks(galleries, palette, "reconstructions", "no reconstructions", "images_reason")
    )
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no flavour has reconstructions", note)
    originals = "originals", galleries[shown[0]]["originals"]
    rows = [(palette[flavour].name, galleries[flavour]["reconstructions"]) for flavour in shown]
    each = math.ceil(len(rows) / math.ceil(len(rows) / MOST))
    columns = [[originals, *rows[start : start + each]] for start in range(0, len(rows), each)]
    labels = 0.2 + 0.065 * max(len(name) for name, _ in (originals, *rows))
    panel = 0.55 * len(originals[1]) + labels, 0.58
    figure, grid = style.canvas(len(columns) * len(columns[0]), len(columns), panel, note=note, least=3.0)
    for place, axes in enumerate(grid):
        row, column = divmod(place, len(columns))
        if row >= len(columns[column]):
            axes.remove()
            continue
        name, images = columns[column][row]
        axes.imshow(tile(images, len(images)), interpolation="nearest")
        axes.set(xticks=[], yticks=[], anchor="W")
        axes.spines[:].set_visible(False)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure
