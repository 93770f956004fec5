"""A dataset's contact sheet: its card in words, the histogram of its values, and images of every class and split."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from vaebench.data.card import BINS, lines
from vaebench.data.dataset import Data
from vaebench.data.sources import SPLITS
from vaebench.errors import printable
from vaebench.report.figures import style
from vaebench.report.figures.tiles import tile
from vaebench.study.naming import readable

CLASSES, ACROSS = 20, 8  # rows of a split at most, and images in a row
UNLABELLED = 6  # rows at most where there is one class
SIDE = 96  # pixels of an image at most
LONGEST = 20  # letters of a class's name
FEATURES, BESIDE = 12, 4  # panels of a table at most, and in a row
WIDTH, TALLEST = 7.2, 9.0  # inches, of the figure and of its images

Array = NDArray[Any]


@style.styled
@matplotlib.rc_context({"text.parse_math": False})  # a class may be called $x$
def sheet(data: Data, card: Mapping[str, Any]) -> Figure:
    """Evenly spaced images of each class in each split; of a table, histograms of its first features.

    ``card`` is that of `vaebench.data.card`. Of more classes than fit, evenly spaced ones are shown.
    """
    channels, height, width = data.shape
    classes = _spaced(np.unique(np.concatenate([getattr(data, split).labels for split in SPLITS])), CLASSES)
    most = max(card["images"].values())
    rows = len(classes) if len(classes) > 1 else min(UNLABELLED, math.ceil(most / ACROSS))
    if "features" in card:
        below = 1.2 * math.ceil(min(channels, FEATURES) / BESIDE)
    else:
        below = min(TALLEST, 0.3 + rows * WIDTH / len(SPLITS) / ACROSS * height / width)
    words = [part for line in lines(card) for part in textwrap.wrap(line, 104, subsequent_indent="    ")]
    above = 0.4 + 0.12 * max(len(words), 6)
    figure = Figure(figsize=(WIDTH, above + below), layout="constrained")
    [[head], [body]] = figure.subfigures(2, 1, height_ratios=(above, below), squeeze=False)
    told, values = head.subplots(1, 2, width_ratios=(3, 1))
    told.set_title(readable(data.name), loc="left", fontweight="bold")
    told.text(0, 1, "\n".join(words), va="top", fontsize=6.5, color="0.25", linespacing=1.4, transform=told.transAxes)
    told.set_axis_off()
    least, greatest = card["range"] if data.scale == "real" else (0.0, 1.0)
    _histogram(values, card["histogram"], np.linspace(least, greatest, BINS + 1), "all values")
    if "features" in card:
        _features(body, data)
    else:
        _images(body, data, card, classes, rows)
    return figure


def _images(figure: SubFigure, data: Data, card: Mapping[str, Any], classes: Array, count: int) -> None:
    """A panel of ``count`` rows for each split, one for each class, named on the left and counted on the right."""
    names = [printable(data.class_name(label)) for label in classes.tolist()]
    for axes, split in zip(figure.subplots(1, len(SPLITS)), SPLITS, strict=True):
        images, labels = getattr(data, split).images.numpy(), getattr(data, split).labels.numpy()
        found = [np.flatnonzero(labels == label) for label in classes]
        rows = [_spaced(each, ACROSS) for each in found]
        if len(classes) == 1:
            spaced = _spaced(np.arange(len(images)), count * ACROSS)
            rows = [spaced[start : start + ACROSS] for start in range(0, count * ACROSS, ACROSS)]
        picture = tile(_tiles(images, rows, card["range"]), ACROSS)
        axes.imshow(picture, interpolation="nearest")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_title(f"{split}: {len(images)}")
        axes.set(xticks=[], yticks=[])
        if len(classes) > 1:
            middles = (np.arange(len(rows)) + 0.5) * len(picture) / len(rows)
            if split == SPLITS[0]:
                axes.set_yticks(
                    middles, [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names]
                )
            counts = axes.secondary_yaxis("right")
            counts.set_yticks(middles, [str(len(each)) for each in found])
            counts.spines[:].set_visible(False)
            for side in (axes, counts):
                side.tick_params(length=0, labelsize=6.5)


def _tiles(images: Array, rows: Sequence[Array], ends: Sequence[float]) -> Array:
    """Rows of `ACROSS` images in [0, 1], grey or RGB, white where there are fewer.

    Images are thinned out to `SIDE` pixels; of other channels than 1 or 3 the mean is shown.
    """
    step = math.ceil(max(images.shape[2:]) / SIDE)
    least, greatest = (0, 255) if images.dtype == np.uint8 else (min(0, ends[0]), max(1, ends[1]))
    thin = images[:, :, ::step, ::step]
    channels = 3 if thin.shape[1] == 3 else 1
    tiles = np.ones((len(rows) * ACROSS, channels, *thin.shape[2:]))
    for row, chosen in enumerate(rows):
        found = (thin[chosen] - np.float64(least)) / (greatest - least)
        found = found if channels == 3 else found.mean(1, keepdims=True)
        tiles[row * ACROSS : row * ACROSS + len(found)] = found
    return tiles


def _features(figure: SubFigure, data: Data) -> None:
    """A histogram for each of the first features, over all splits."""
    table = np.concatenate([getattr(data, split).images.numpy().reshape(-1, data.shape[0]) for split in SPLITS])
    columns = table.T[:FEATURES]
    panels = figure.subplots(math.ceil(len(columns) / BESIDE), BESIDE, squeeze=False).ravel()
    for number, axes in enumerate(panels):
        if number < len(columns):
            counts, edges = np.histogram(columns[number], BINS)
            _histogram(axes, counts / len(table), edges, f"feature {number}")
        else:
            axes.remove()


def _histogram(axes: Axes, fractions: Sequence[float] | Array, edges: Array, title: str) -> None:
    axes.stairs(fractions, edges, fill=True, color=style.COLOURS[0])
    axes.set_title(title)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=6)
    axes.locator_params(nbins=4)


def _spaced(values: Array, count: int) -> Array:
    """``count`` of the values, evenly spaced from first to last, or all if there are no more."""
    return values if len(values) <= count else values[np.linspace(0, len(values) - 1, count).round().astype(int)]
