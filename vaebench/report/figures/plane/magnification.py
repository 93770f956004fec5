"""Log magnification of the decoder over two latent directions, less each panel's median, which its title gives (nats);
the scale ends at the 2 % and 98 % quantiles of all panels. Codes of test images (dots, by class) have mean 0 and
covariance 1 where the latent space is Euclidean; sphere and ball are in their own charts. Between the same pairs of
images, straight lines are dashed, and geodesics, where they converged, are solid. The metric is singular or undefined
where the plane is yellow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import Formatter

from vaebench.report.figures import style
from vaebench.report.figures.plane import _panels

PAIRS = 8
HALO = [withStroke(linewidth=1.6, foreground="white")]
GEODESIC: dict[str, Any] = {"color": "#c2007a", "linewidth": 0.8, "path_effects": HALO}
LINE: dict[str, Any] = {"color": "black", "linewidth": 0.7, "dashes": (3, 1.5), "path_effects": HALO}


@style.styled
def magnification(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A panel per flavour: ``plane_log_magnification``, ``plane_codes``, ``plane_lines``, ``plane_geodesics``."""
    shown, records = style.split(style.lacks(geometries, palette, "plane_log_magnification", _panels.SPACE))
    uncurved = style.lacks(geometries, palette, "plane_geodesics", "not computed", "curve_reason")
    records += [(flavour, "lines and geodesics", uncurved[flavour]) for flavour in shown if uncurved[flavour]]
    curved = [flavour for flavour in shown if not uncurved[flavour]]
    stray = [flavour for flavour in curved if not geometries[flavour]["plane_trusted"][:PAIRS].any()]
    records += [(flavour, "geodesics", "none converged") for flavour in stray]
    note = style.absences(records, palette)
    if not shown:
        return style.nothing("no flavour has a magnification over a plane", note)
    colours, handles = _panels.classes(geometries[flavour] for flavour in shown)
    handles += [Line2D([], [], label="geodesic", **GEODESIC), Line2D([], [], label="line", **LINE)]
    figure, grid = style.canvas(len(shown), _panels.ACROSS, _panels.SIZE, handles=handles, note=note)
    backgrounds = [_panels.centred(geometries[flavour]["plane_log_magnification"]) for flavour in shown]
    scale = _panels.limits(backgrounds)
    for axes, flavour, background, shades in zip(grid, shown, backgrounds, colours, strict=True):
        geometry = geometries[flavour]
        median = np.nanmedian(geometry["plane_log_magnification"])
        style.name(axes, palette[flavour], Formatter.fix_minus(f"median {median:.1f}"))
        image = _panels.panel(axes, geometry, background, cmap=_panels.SHADES, **scale)
        _panels.dots(axes, geometry, shades)
        if flavour in curved:
            _curves(axes, geometry)
    _panels.bar(figure, image, grid, "log magnification − median (nats)")
    return figure


def _curves(axes: Axes, geometry: style.Arrays) -> None:
    wraps = geometry["plane_axes"][0] == "longitude"
    trusted = geometry["plane_trusted"][:PAIRS]
    for key, kept, look in (("plane_geodesics", trusted, GEODESIC), ("plane_lines", slice(None), LINE)):
        for curve in geometry[key][:PAIRS][kept]:
            x, y = (_broken(curve) if wraps else curve).T
            axes.plot(x, y, **look)


def _broken(curve: np.ndarray) -> np.ndarray:
    """A curve (frames, 2) with a gap where its longitude jumps from one border to the other."""
    jumps = np.flatnonzero(np.abs(np.diff(curve[:, 0])) > np.pi) + 1
    return np.insert(curve, jumps, np.nan, axis=0)


def finding(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> str:
    """How far the magnification reaches over a plane, where least and where most."""
    reach = {
        flavour: float(np.subtract(*np.nanquantile(geometries[flavour]["plane_log_magnification"], (0.95, 0.05))))
        for flavour in style.having(geometries, palette, "plane_log_magnification")
    }
    if not reach:
        return ""
    least, most = min(reach, key=reach.__getitem__), max(reach, key=reach.__getitem__)
    return (
        f"From its 5 % to its 95 % quantile the log magnification spans {reach[least]:.1f} nats with "
        f"{palette[least].name}, the least, to {reach[most]:.1f} with {palette[most].name}, the most."
    )
