"""Images that each sampler draws from each flavour, a row per flavour; a dash where a sampler does not apply."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.tiles import tile
from vaebench.study.naming import metric_name

PREFIX = "samples_"
IMAGES = 6  # of a sampler


@style.styled
def sampler_sheets(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A column per sampler; ``samples_SAMPLER`` are (m, channels, height, width) in [0, 1], absent where it does not
    apply. Flavours that no sampler applies to are told below.
    """
    found = {flavour: [name for name in arrays if name.startswith(PREFIX)] for flavour, arrays in galleries.items()}
    samplers = list(dict.fromkeys(name for names in found.values() for name in names))
    shown, absent = style.split({flavour: "" if names else "no sampler applies" for flavour, names in found.items()})
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no sampler applies to any flavour", note)
    size = 0.4 * IMAGES + 0.15, 0.45
    figure, grid = style.canvas(len(shown) * len(samplers), len(samplers), size, note=note, least=4.0)
    for place, axes in enumerate(grid):
        row, column = divmod(place, len(samplers))
        flavour, sampler = shown[row], samplers[column]
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
