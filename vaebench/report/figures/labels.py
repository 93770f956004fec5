"""Names beside what they name, in place of a legend."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Bbox

from vaebench.report.figures import style

REACHES = (3.5, 7.0, 11.0, 16.0, 22.0, 29.0, 37.0, 46.0, 56.0, 67.0, 80.0, 95.0)  # points, from what is named
ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
GAP = 0.8  # points, around a name
FREE = 6.0  # points: a name no farther needs no line to what it names

HALO: list[AbstractPathEffect] = [withStroke(linewidth=1.2, foreground="white")]

Box = tuple[float, float, float, float]


def label(
    axes: Axes, named: Mapping[str, tuple[np.ndarray, Any]], obstacles: np.ndarray, size: float = style.SMALL
) -> None:
    """Write each name where it covers no other text and, if there is a way, no obstacle (n, 2) and no line between its
    points; a line leads to what is farther away.

    ``named`` are the points (k, 2) of each name, of which one is chosen, and its colour. The figure must be laid out.
    """
    scale = 72 / axes.figure.dpi
    box = axes.bbox
    frame = (0.0, 0.0, box.width * scale, box.height * scale)
    taken = [_box(text.get_window_extent(_renderer()), box, scale) for text in axes.texts]
    points, between = (
        (axes.transData.transform(places) - [box.x0, box.y0]) * scale
        for places in (obstacles, np.concatenate([_between(places) for places, _ in named.values()]))
    )
    for name, (places, colour) in named.items():
        wide, high, deep = text_to_path.get_text_width_height_descent(name, FontProperties(size=size), False)
        anchors = (axes.transData.transform(places) - [box.x0, box.y0]) * scale
        inside = anchors[(anchors >= 0).all(1) & (anchors <= frame[2:]).all(1)]
        tries = [
            (anchor, *_tried(anchor, reach, angle, wide, high + deep))
            for reach, angle, anchor in itertools.product(REACHES, ANGLES, inside)
        ]
        free = [found for found in tries if _within(found[1], frame) and not any(_meet(found[1], b) for b in taken)]
        clear = [found for found in free if not _covers(found[1], points)]
        best = next((found for found in clear if not _covers(found[1], between)), None)
        best = best or next(iter(clear or free or tries), None)  # what is beyond the axes has no name there
        if best is None:
            continue
        anchor, place, reach = best
        taken.append(place)
        x, y = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
        across, up = axes.transAxes.inverted().transform(np.array([x, y]) / scale + [box.x0, box.y0])
        note = axes.text(
            across, up, name, color=colour, fontsize=size, ha="center", va="center", transform=axes.transAxes
        )
        note.set_in_layout(False)
        note.set_path_effects(HALO)
        if reach > FREE:
            near = np.clip(anchor, place[:2], place[2:])
            ends = axes.transAxes.inverted().transform(np.array([near, anchor]) / scale + [box.x0, box.y0])
            [line] = axes.plot(*ends.T, color=colour, linewidth=0.4, transform=axes.transAxes, zorder=1.5)
            line.set_in_layout(False)


def _renderer() -> RendererAgg:
    return RendererAgg(100, 100, 72)


def _box(extent: Bbox, frame: Bbox, scale: float) -> Box:
    x0, y0, x1, y1 = extent.extents
    return (x0 - frame.x0) * scale, (y0 - frame.y0) * scale, (x1 - frame.x0) * scale, (y1 - frame.y0) * scale


def _tried(anchor: np.ndarray, reach: float, angle: float, wide: float, high: float) -> tuple[Box, float]:
    """The box of a name in this direction, whose edge is so far from the anchor."""
    across, up = math.cos(angle), math.sin(angle)
    x = anchor[0] + reach * across + wide / 2 * across
    y = anchor[1] + reach * up + high / 2 * up
    if abs(across) > 0.3:  # beside it
        x = anchor[0] + reach * across + math.copysign(wide / 2, across)
    return (x - wide / 2 - GAP, y - high / 2 - GAP, x + wide / 2 + GAP, y + high / 2 + GAP), reach


def _within(box: Box, frame: Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _meet(box: Box, other: Box) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


def _covers(box: Box, points: np.ndarray) -> bool:
    x, y = points.T
    return bool(((x > box[0] - 1) & (x < box[2] + 1) & (y > box[1] - 1) & (y < box[3] + 1)).any())


def _between(places: np.ndarray) -> np.ndarray:
    """Points along the line that joins these."""
    steps = np.linspace(0, 1, 25)[:, None]
    parts = [start + steps * (end - start) for start, end in itertools.pairwise(places)]
    return np.concatenate(parts) if parts else places
