"""Images drawn from the prior of each flavour."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.tiles import columns, tile

QUESTION = "generation"
ACROSS = 7  # blocks in a row


@style.styled
def samples(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A block of images per flavour; ``samples`` are (m, channels, height, width) in [0, 1], absent without a prior."""
    shown, absent = style.split(style.lacks(galleries, palette, "samples", "no prior to draw from", "images_reason"))
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no flavour has samples", note)
    sheets = [tile(galleries[flavour]["samples"], columns(len(galleries[flavour]["samples"]))) for flavour in shown]
    ratio = max(sheet.shape[0] / sheet.shape[1] for sheet in sheets)
    wide = style.TWO / ACROSS
    figure, grid = style.canvas(
        len(shown), ACROSS, (wide, wide * ratio + 0.2), handles=style.family_handles(shown, palette), note=note
    )
    for axes, flavour, sheet in zip(grid, shown, sheets, strict=True):
        axes.imshow(sheet, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        style.name(axes, palette[flavour])
    return figure
