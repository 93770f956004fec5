"""Log magnification over two latent directions of a flavour's learned metric and of its decoder's pull-back, each less
its median (nats) and with its own scale, which ends at the 2 % and 98 % quantiles; dots are codes of test images by
class, and Spearman's rank correlation of the two is over the grid.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter

from vaebench.report.figures import style
from vaebench.report.figures.plane import _panels

KEYS = ("plane_learned_log_magnification", "plane_log_magnification")
NONE = "it has no learned metric"


@style.styled
def learned_metric(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """Two panels per flavour: ``plane_learned_log_magnification`` and ``plane_log_magnification``."""
    learned, pulled = (style.lacks(geometries, palette, key, NONE) for key in KEYS)
    shown, absent = style.split({flavour: learned[flavour] or pulled[flavour] for flavour in palette})
    note = style.absences([record for record in absent if record[2] != NONE], palette)
    if not shown:
        return style.nothing("no flavour has a learned metric over a plane", note)
    colours, handles = _panels.classes(geometries[flavour] for flavour in shown)
    figure, grid = style.canvas(2 * len(shown), 4, (style.TWO / 4, 1.6), handles=handles, note=note)
    for flavour, shades, *pair in zip(shown, colours, grid[::2], grid[1::2], strict=True):
        both = {key: _panels.centred(geometries[flavour][key]) for key in KEYS}
        for axes, background, label in zip(pair, both.values(), ("", "log magnif. − median (nats)"), strict=True):
            scale = _panels.limits([background])
            image = _panels.panel(axes, geometries[flavour], background, cmap=_panels.SHADES, **scale)
            _panels.dots(axes, geometries[flavour], shades)
            figure.colorbar(image, ax=axes, label=label, extend="both").ax.tick_params(labelsize=5.5)
        correlation = pd.DataFrame({key: values.ravel() for key, values in both.items()}).corr("spearman").iloc[0, 1]
        style.name(pair[0], palette[flavour], "learned metric")
        style.name(pair[1], palette[flavour], f"pull-back, Spearman's ρ = {Formatter.fix_minus(f'{correlation:.2f}')}")
    return figure
