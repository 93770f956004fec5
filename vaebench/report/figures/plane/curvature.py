"""Gaussian curvature of the pull-back metric over two latent directions, for images scaled so that the mean squared
singular value of the decoder's Jacobian is 1: brown is that of a sphere, violet that of a saddle. Codes of test images
(dots, by class) have mean 0 and covariance 1 where the latent space is Euclidean; sphere and ball are in their own
charts. The scale is linear up to the median size and logarithmic from there to the 98 % quantile of all panels. The
plane is yellow where there is no curvature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

from vaebench.report.figures import style
from vaebench.report.figures.plane import _panels


@style.styled
def curvature(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A panel per flavour: ``plane_curvature`` and ``plane_codes``."""
    shown, absent = style.split(style.lacks(geometries, palette, "plane_curvature", _panels.SPACE, "curvature_reason"))
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no flavour has a curvature over a plane", note)
    colours, handles = _panels.classes(geometries[flavour] for flavour in shown)
    figure, grid = style.canvas(len(shown), _panels.ACROSS, _panels.SIZE, handles=handles, note=note)
    middle, end = _scale([geometries[flavour]["plane_curvature"] for flavour in shown])
    norm = SymLogNorm(middle, vmin=-end, vmax=end)
    for axes, flavour, shades in zip(grid, shown, colours, strict=True):
        geometry = geometries[flavour]
        style.name(axes, palette[flavour])
        image = _panels.panel(axes, geometry, geometry["plane_curvature"], cmap=_panels.SIGNS, norm=norm)
        _panels.dots(axes, geometry, shades)
    _panels.bar(figure, image, grid, "scaled Gaussian curvature (dimensionless)", ticks=_ticks(middle, end))
    return figure


def _scale(backgrounds: Sequence[np.ndarray]) -> tuple[float, float]:
    """Median and 98 % quantile of the sizes of all finite values but 0: where the colours are linear, and their end."""
    sizes = np.abs(np.concatenate([values[np.isfinite(values) & (values != 0)] for values in backgrounds]))
    return tuple(np.quantile(sizes, (0.5, 0.98)).tolist()) if sizes.size else (1.0, 1.0)


def _ticks(middle: float, end: float) -> list[float]:
    """0 and the powers of ten where the scale is logarithmic; its ends if there are none."""
    powers = [10.0**n for n in range(-12, 13) if middle <= 10.0**n <= end] or [end]
    return [*(-power for power in reversed(powers)), 0.0, *powers]


def finding(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> str:
    """How much of the planes is curved like a saddle."""
    shown = style.having(geometries, palette, "plane_curvature")
    values = [geometries[flavour]["plane_curvature"] for flavour in shown]
    shares = [float((each < 0).sum() / max(1, np.isfinite(each).sum())) for each in values]
    if not shares:
        return ""
    return (
        f"Curvature is negative in {min(shares):.0%} to {max(shares):.0%} of a plane (median {np.median(shares):.0%})."
    )
