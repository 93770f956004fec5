"""Posterior means of test images by class; more than two latents by principal components (share of variance)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style

QUESTION = "codes"
ACROSS, SIZE = 6, (1.15, 1.25)  # panels in a row, and inches of one


@style.styled
def latent_scatter(galleries: Mapping[str, style.Arrays], palette: style.Palette) -> Figure:
    """A panel per flavour; ``latent_means`` are (k, latent), ``labels`` (k,). One latent gives histograms."""
    reasons = style.lacks(galleries, palette, "latent_means", "no latents")
    broken = [flavour for flavour in galleries if not np.isfinite(galleries[flavour].get("latent_means", 0)).all()]
    shown, absent = style.split(reasons | dict.fromkeys(broken, "latents are not finite"))
    note = style.absences(absent, palette)
    if not shown:
        return style.nothing("no flavour has latents", note)
    colours = style.class_colours(np.concatenate([galleries[flavour]["labels"] for flavour in shown]))
    handles = style.class_handles(colours, style.class_names(galleries[shown[0]]))
    figure, grid = style.canvas(len(shown), ACROSS, SIZE, handles=handles, note=note)
    for axes, flavour in zip(grid, shown, strict=True):
        style.name(axes, palette[flavour])
        axes.tick_params(labelsize=5.5)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(3))
        _draw(axes, galleries[flavour]["latent_means"], galleries[flavour]["labels"], colours)
    return figure


def _draw(axes: Axes, means: np.ndarray, labels: np.ndarray, colours: Mapping[int, style.Colour]) -> None:
    if means.shape[1] == 1:
        import seaborn as sns

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
    axes.scatter(points[:, 0], points[:, 1], s=2, c=shades, linewidths=0, rasterized=True)
    axes.set_xlabel(x, fontsize=style.SMALL)
    axes.set_ylabel(y, fontsize=style.SMALL)
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
