"""Panels of functions on the grid of a two-dimensional latent space."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style

SHADES = LinearSegmentedColormap.from_list("shades", ["0.62", "1"])  # apart from all colours of classes
SIGNS = LinearSegmentedColormap.from_list("signs", ["#b49bd0", "#ffffff", "#d9b48c"])  # pale, for the same reason
OUTSIDE = "#f3e6b8"
SPACE = "it has not two active latent directions"
ACROSS, SIZE = 6, (1.15, 1.32)  # panels in a row, and inches of one


def panel(axes: Axes, geometry: style.Arrays, values: np.ndarray, **settings: Any) -> AxesImage:
    """Show values (m, n) on the grid, as long a unit on either axis; those that are no number are `OUTSIDE`."""
    (left, right), (bottom, top) = (_borders(geometry[key]) for key in ("plane_x", "plane_y"))
    axes.grid(False)
    axes.set_facecolor(OUTSIDE)
    axes.set_xlabel(str(geometry["plane_axes"][0]), fontsize=style.SMALL)
    axes.set_ylabel(str(geometry["plane_axes"][1]), fontsize=style.SMALL)
    axes.tick_params(labelsize=5.5)
    place = (left, right, bottom, top)
    image = axes.imshow(values, origin="lower", extent=place, interpolation="nearest", **settings)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(3, integer=True))
    return image


def _borders(ticks: np.ndarray) -> tuple[float, float]:
    """Of an evenly spaced axis, half a cell beyond its ends."""
    half = (ticks[-1] - ticks[0]) / (len(ticks) - 1) / 2
    return ticks[0] - half, ticks[-1] + half


def dots(axes: Axes, geometry: style.Arrays, colours: Sequence[style.Colour]) -> None:
    """Codes of test images, as pixels, so that a PDF stays small; those off the grid are off the panel."""
    axes.autoscale(False)
    x, y = geometry["plane_codes"].T
    axes.scatter(x, y, s=2.2, c=colours, edgecolors="white", linewidths=0.15, rasterized=True)


def classes(geometries: Iterable[style.Arrays]) -> tuple[list[list[style.Colour]], list[Line2D]]:
    """The colour of each code of each geometry, by its class, and the classes' entries in a legend."""
    first, *others = geometries
    labels = [geometry["plane_labels"] for geometry in (first, *others)]
    colours = style.class_colours(np.concatenate(labels))
    handles = style.class_handles(colours, style.class_names(first))
    return [[colours[label] for label in each.tolist()] for each in labels], handles


def bar(figure: Figure, image: AxesImage, grid: Sequence[Axes], label: str, **settings: Any) -> None:
    """One colour bar for all panels, below them."""
    figure.colorbar(
        image, ax=grid, label=label, extend="both", location="bottom", shrink=0.5, aspect=40, pad=0.01, **settings
    )


def centred(values: np.ndarray) -> np.ndarray:
    """Less their median."""
    return values - np.nanmedian(values)


def limits(backgrounds: Iterable[np.ndarray]) -> dict[str, float]:
    """Ends of a colour scale: the 2 % and 98 % quantiles of all finite values."""
    values = np.concatenate([values[np.isfinite(values)] for values in backgrounds])
    low, high = np.quantile(values, (0.02, 0.98))
    return {"vmin": low, "vmax": high}
