"""Log magnification of the decoder and the decadic logarithm of its condition number at codes of test images, in
standardised coordinates; points where the metric is singular are left out. Violins are equally wide and show quartiles.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vaebench.report.figures import style

PANELS = {"log_magnification": "log magnification (nats)", "log_condition": "log₁₀ condition number"}


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
        records += [(f, PANELS[key], "beyond the axis") for f, median in medians if not low <= median <= high]
    size = 3.3, 0.22 * len(shown) + 0.45
    figure, grid = style.canvas(2, 2, size, note=style.absences(records, palette), sharey=True)
    for axes, (key, name) in zip(grid, PANELS.items(), strict=True):
        _draw(axes, drawn[key], [palette[flavour] for flavour in shown])
        axes.set(xlim=windows[key], xlabel=name, ylabel="")
    return figure


def _window(samples: list[np.ndarray]) -> tuple[float, float]:
    """Limits that hold the inner 98 % of each sample, but not of one that is far from the others."""
    return style.window(np.concatenate([np.quantile(sample, (0.01, 0.5, 0.99)) for sample in samples]))


def _draw(axes: Axes, samples: list[np.ndarray], looks: list[style.Look]) -> None:
    import seaborn as sns

    names = np.repeat([look.name for look in looks], [len(sample) for sample in samples])
    sns.violinplot(
        x=np.concatenate(samples),
        y=names,
        hue=names,
        palette={look.name: look.colour for look in looks},
        orient="h",
        inner="quart",
        cut=0,
        density_norm="width",
        linewidth=0.7,
        linecolor="0.15",
        saturation=1,
        alpha=0.6,
        legend=False,
        ax=axes,
    )
    axes.tick_params(axis="y", length=0)
