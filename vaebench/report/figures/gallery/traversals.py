"""What each coordinate of the latents means: a row of images per coordinate, of which it alone changes."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.tiles import tile

QUESTION = "codes"
ACROSS = 6  # blocks in a row


@style.styled
def traversals(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A block per flavour; ``traversals`` are (coordinates, steps, channels, height, width) in [0, 1], absent where the
    latents have no coordinates that mean anything."""
    reasons = style.lacks(galleries, palette, "traversals", "no coordinates to move along", "images_reason")
    shown, absent = style.split(reasons)
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no flavour has coordinates to move along", note)
    blocks = [galleries[flavour]["traversals"] for flavour in shown]
    ratio = max(len(block) / block.shape[1] for block in blocks)
    wide = style.TWO / ACROSS
    figure, grid = style.canvas(
        len(shown), ACROSS, (wide, wide * ratio + 0.2), handles=style.family_handles(shown, palette), note=note
    )
    for axes, flavour, block in zip(grid, shown, blocks, strict=True):
        axes.imshow(tile(block.reshape(-1, *block.shape[2:]), block.shape[1]), interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        style.name(axes, palette[flavour])
    return figure
