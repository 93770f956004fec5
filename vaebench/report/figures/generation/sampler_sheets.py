"""Images that each sampler draws from each flavour, a row per flavour; a dash where a sampler does not apply."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.tiles import tile
from vaebench.study.naming import metric_name

PREFIX = "samples_"
IMAGES = 6  # of a sampler
MOST = 22  # flavours in one column


@style.styled
def sampler_sheets(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A column per sampler; ``samples_SAMPLER`` are (m, channels, height, width) in [0, 1], absent where it does not
    apply. Many flavours are in two blocks; those that no sampler applies to are told below.
    """
    samplers = sorted({name for arrays in galleries.values() for name in arrays if name.startswith(PREFIX)}) or [PREFIX]
    lacking = [style.lacks(galleries, palette, name, "no sampler applies", "images_reason") for name in samplers]
    shown, absent = style.split({flavour: min(lack[flavour] for lack in lacking) for flavour in palette})
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no sampler applies to any flavour", note)
    blocks = math.ceil(len(shown) / MOST)
    rows, columns = math.ceil(len(shown) / blocks), blocks * len(samplers)
    labels = 0.065 * max(len(palette[flavour].name) for flavour in shown)
    size = 0.4 * IMAGES + 0.1 + labels / len(samplers), 0.45
    figure, grid = style.canvas(rows * columns, columns, size, note=note, least=4.0)
    for place, axes in enumerate(grid):
        row, column = divmod(place, columns)
        block, column = divmod(column, len(samplers))
        if block * rows + row >= len(shown):
            axes.remove()
            continue
        flavour, sampler = shown[block * rows + row], samplers[column]
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        if sampler in galleries[flavour]:
            axes.imshow(tile(galleries[flavour][sampler][:IMAGES], IMAGES), interpolation="nearest")
        else:
            axes.text(0.5, 0.5, "—", ha="center", va="center", transform=axes.transAxes)
        if row == 0:
            axes.set_title(metric_name(sampler.removeprefix(PREFIX)))
        if column == 0:
            axes.set_ylabel(palette[flavour].name, rotation=0, ha="right", va="center")
    return figure
