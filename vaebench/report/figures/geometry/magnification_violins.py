"""Log magnification of the decoder and the decadic logarithm of its condition number at codes of test images, in
standardised coordinates; points where the metric is singular are left out. Violins are equally wide and show quartiles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaebench.report.figures import style

PANELS = {"log_magnification": "log magnification (nats)", "log_condition": "log₁₀ condition number"}
PITCH = 0.18  # inches, of a row


@style.styled
def magnification_violins(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A row per flavour: ``log_magnification`` and ``log_condition`` are (points,)."""
    lacks = [style.lacks(geometries, palette, key, "it has one active latent direction") for key in PANELS]
    shown, records = style.split({flavour: lacks[0][flavour] or lacks[1][flavour] for flavour in palette})
    if not shown:
        return style.nothing("no flavour has a magnification", style.absences(records, palette))
    drawn = {key: [values[np.isfinite(values)] for values in (geometries[f][key] for f in shown)] for key in PANELS}
    windows = {key: _window(samples) for key, samples in drawn.items()}
    for key, (low, high) in windows.items():
        medians = zip(shown, map(np.median, drawn[key]), strict=True)
        records += [(f, PANELS[key], style.BEYOND) for f, median in medians if not low <= median <= high]
    size = style.TWO / 2, style.height(shown, palette, PITCH) + 0.35
    note, handles = style.absences(records, palette), style.family_handles(shown, palette)
    figure, grid = style.canvas(2, 2, size, handles=handles, note=note, sharey=True)
    for axes, (key, name) in zip(grid, PANELS.items(), strict=True):
        _draw(axes, drawn[key], shown, palette)
        axes.set(xlim=windows[key], xlabel=name, ylabel="")
    return figure


def _window(samples: list[np.ndarray]) -> tuple[float, float]:
    """Limits that hold the inner 98 % of each sample, but not of one that is far from the others."""
    return style.window(np.concatenate([np.quantile(sample, (0.01, 0.5, 0.99)) for sample in samples]))


def _draw(axes: Axes, samples: list[np.ndarray], flavours: list[str], palette: style.Palette) -> None:
    heights = style.places(flavours, palette)
    style.rows(axes, flavours, palette)
    bodies: Any = axes.violinplot(
        samples,
        [heights[flavour] for flavour in flavours],
        orientation="horizontal",
        widths=0.85,
        showextrema=False,
        points=80,
    )["bodies"]
    for body, flavour in zip(bodies, flavours, strict=True):
        body.set(facecolor=palette[flavour].colour, edgecolor="0.15", linewidth=0.5, alpha=0.6)
    quartiles = np.stack([np.quantile(sample, (0.25, 0.5, 0.75)) for sample in samples])
    y = [heights[flavour] for flavour in flavours]
    axes.hlines(y, quartiles[:, 0], quartiles[:, 2], color="0.15", linewidth=0.6)
    axes.plot(quartiles[:, 1], y, "|", color="0.15", markersize=4, markeredgewidth=0.9)


def finding(geometries: Mapping[str, style.Arrays], palette: style.Palette) -> str:
    """Whose decoder has the least and the greatest median condition number."""
    shown = style.having(geometries, palette, "log_condition")
    medians = {flavour: float(np.nanmedian(geometries[flavour]["log_condition"])) for flavour in shown}
    if not medians:
        return ""
    least, most = min(medians, key=medians.__getitem__), max(medians, key=medians.__getitem__)
    return (
        f"The median condition number is least with {palette[least].name} ({10 ** medians[least]:.3g}) and greatest "
        f"with {palette[most].name} ({10 ** medians[most]:.3g})."
    )
