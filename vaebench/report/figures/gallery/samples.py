"""Images drawn from the prior of each flavour."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.tiles import columns, tile


@style.styled
def samples(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A block of images per flavour; ``samples`` are (m, channels, height, width) in [0, 1], absent without a prior."""
    shown, absent = style.split(style.lacks(galleries, palette, "samples", "no prior to draw from", "images_reason"))
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no flavour has samples", note)
    sheets = [tile(galleries[flavour]["samples"], columns(len(galleries[flavour]["samples"]))) for flavour in shown]
    ratio = max(sheet.shape[0] / sheet.shape[1] for sheet in sheets)
    figure, grid = style.canvas(len(shown), 5, (1.7, 1.6 * ratio + 0.25), note=note, least=4.0)
    for axes, flavour, sheet in zip(grid, shown, sheets, strict=True):
        axes.imshow(sheet, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_title(palette[flavour].name)
    return figure
