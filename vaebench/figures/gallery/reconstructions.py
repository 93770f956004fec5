"""Test images (first row) and their reconstructions by each flavour."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from .. import style
from ..tiles import tile


@style.styled
def reconstructions(galleries: Mapping[str, Mapping[str, np.ndarray]], palette: style.Palette) -> Figure:
    """A row of images per flavour; ``originals`` and ``reconstructions`` are (n, channels, height, width) in [0, 1]."""
    flavours = style.ordered(galleries, palette)
    shown = [flavour for flavour in flavours if "reconstructions" in galleries[flavour]]
    note = style.absences([(f, "", "no reconstructions") for f in palette if f not in shown], palette)
    originals = galleries[flavours[0]]["originals"]
    rows = [("originals", originals), *((palette[f].name, galleries[f]["reconstructions"]) for f in shown)]
    labels = 0.2 + 0.065 * max(len(name) for name, _ in rows)
    figure, grid = style.canvas(len(rows), 1, (0.55 * len(originals) + labels, 0.58), note=note, least=3.0)
    for axes, (name, images) in zip(grid, rows, strict=True):
        axes.imshow(tile(images, len(images)), interpolation="nearest")
        axes.set(xticks=[], yticks=[], anchor="W")
        axes.spines[:].set_visible(False)
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    return figure
