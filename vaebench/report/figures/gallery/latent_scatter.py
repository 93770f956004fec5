"""Posterior means of test images by class; more than two latents by principal components (share of variance)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vaebench.report.figures import style


@style.styled
def latent_scatter(galleries: Mapping[str, Mapping[str, np.ndarray]], palette: style.Palette) -> Figure:
    """A panel per flavour; ``latent_means`` are (k, latent), ``labels`` (k,). One latent gives histograms."""
    reasons = {flavour: _reason(galleries.get(flavour)) for flavour in palette}
    shown = [flavour for flavour in style.ordered(galleries, palette) if not reasons[flavour]]
    note = style.absences([(flavour, "", reason) for flavour, reason in reasons.items() if reason], palette)
    if not shown:
        figure, [axes] = style.canvas(1, 1, (4.0, 1.2))
        style.say(axes, note)
        return figure
    colours = style.class_colours(np.concatenate([galleries[flavour]["labels"] for flavour in shown]))
    handles = [Line2D([], [], linestyle="", marker="o", color=c, label=str(label)) for label, c in colours.items()]
    figure, grid = style.canvas(len(shown), 4, (2.2, 2.3), handles=handles, note=note)
    for axes, flavour in zip(grid, shown, strict=True):
        axes.set_title(palette[flavour].name)
        _draw(axes, galleries[flavour]["latent_means"], galleries[flavour]["labels"], colours)
    return figure


def _reason(gallery: Mapping[str, np.ndarray] | None) -> str:
    """Why a flavour has no panel; "" if it has one."""
    if gallery is None:
        return "no run"
    if "latent_means" not in gallery or gallery["latent_means"].size == 0:
        return "no latents"
    return "" if np.isfinite(gallery["latent_means"]).all() else "latents are not finite"


def _draw(axes: Axes, means: np.ndarray, labels: np.ndarray, colours: Mapping[int, tuple[float, float, float]]) -> None:
    if means.shape[1] == 1:
        sns.histplot(
            x=means[:, 0],
            hue=labels,
            palette=dict(colours),
            element="step",
            bins=30,
            fill=False,
            linewidth=1,
            legend=False,
            ax=axes,
        )
        axes.set(xlabel="latent", ylabel="images")
        return
    points, (x, y) = _plane(means)
    # In the order of the images, so that no class lies on top; as pixels, so that the PDF stays small.
    shades = [colours[label] for label in labels.tolist()]
    axes.scatter(points[:, 0], points[:, 1], s=4, c=shades, linewidths=0, rasterized=True)
    axes.set(xlabel=x, ylabel=y)
    axes.set_aspect("equal", "datalim")


def _plane(means: np.ndarray) -> tuple[np.ndarray, tuple[str, str]]:
    """Points (k, 2) and names of the two axes: the latents, or principal components with their share of variance."""
    if means.shape[1] == 2:
        return means, ("latent 1", "latent 2")
    centred = means - means.mean(axis=0)
    _, scales, axes = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    # A component's sign is free: its largest weight is made positive, so that a figure does not flip between machines.
    signs = np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])
    share = scales[:2] ** 2 / max((scales**2).sum(), np.finfo(float).tiny)
    names = tuple(f"PC {i} ({part:.0%})" for i, part in enumerate(share, 1))
    return centred @ (axes[:2] * signs[:, None]).T, (names[0], names[1])
