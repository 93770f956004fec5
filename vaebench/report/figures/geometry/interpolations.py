"""Between the same pairs of test images, decoder means along the straight line of each flavour's latent space (upper
strip) and along the geodesic (lower strip), with the ratio of their lengths, geodesic / line (—: undefined).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.tiles import tile
from vaebench.report.tables.entry import MISSING

PAIRS = 2
PATHS = ("line", "geodesic")
COLUMNS = 3


@style.styled
def interpolations(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A panel per flavour: ``line_images``, ``geodesic_images`` and their lengths."""
    shown, absent = style.split(style.lacks(geometries, palette, "geodesic_images", "no geodesics", "curve_reason"))
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no flavour has geodesics", note)
    columns = min(COLUMNS, math.ceil(len(shown) / 4))
    frames = max(geometries[flavour]["line_images"].shape[1] for flavour in shown)
    figure, grid = style.canvas(len(shown), columns, (0.3 * frames + 1.0, 1.55), note=note, least=3.6)
    for axes, flavour in zip(grid, shown, strict=True):
        axes.set_title(palette[flavour].name)
        _draw(axes, geometries[flavour])
    return figure


def _draw(axes: Axes, geometry: style.Arrays) -> None:
    lines, geodesics = (geometry[f"{path}_images"][:PAIRS] for path in PATHS)
    blocks = [tile(np.concatenate(pair), len(pair[0])) for pair in zip(lines, geodesics, strict=True)]
    height, width, _ = blocks[0].shape
    space = height // 6
    sheet = np.concatenate([np.pad(block, ((0, space), (0, 0), (0, 0)), constant_values=1) for block in blocks])
    axes.imshow(sheet, interpolation="nearest")
    axes.grid(False)
    tops = (height + space) * np.arange(len(blocks))
    axes.set(xticks=[], anchor="W")
    axes.set_yticks(np.add.outer(tops, [height / 4, 3 * height / 4]).ravel(), PATHS * len(blocks))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for top, ratio in zip(tops, geometry["geodesic_lengths"] / geometry["line_lengths"], strict=False):
        text = f"× {ratio:.2f}" if np.isfinite(ratio) else MISSING
        axes.text(width + space, top + height / 2, text, va="center", fontsize=7)
