"""What the figures of the latent geometry are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.subject import evenly
from vaebench.evaluation.survey.curves import FINE
from vaebench.evaluation.survey.neighbourhoods import CODES
from vaebench.evaluation.survey.survey import Survey
from vaebench.geometry import curvature
from vaebench.geometry.scalars import log_condition, log_magnification
from vaebench.model.abilities import REASONS

STRIPS, STRIP, DRAWN = 2, 9, 10  # pairs and frames of the pictures, and curves in the plane
GRID = 48  # points of a map, a side


def pictures(survey: Survey) -> dict[str, np.ndarray]:
    """Arrays for the figures; ``reason`` says why there are no others, ``curve_reason`` why curves or images lack.

    ``log_magnification`` and, of two directions or more, ``log_condition`` (points,) at test codes. Of a latent space
    of two dimensions, over a window of it: ``plane_axes`` (2 names), ``plane_x`` and ``plane_y`` (grid,),
    ``plane_log_magnification`` and ``plane_curvature`` (grid, grid; else ``curvature_reason``),
    ``plane_learned_log_magnification`` where a metric is learned, ``plane_codes`` (codes, 2) and their
    ``plane_labels``; ``plane_lines`` and ``plane_geodesics`` (curves, points, 2), and which of these are
    ``plane_trusted``. Between a few pairs: ``line_images`` and ``geodesic_images`` (pairs, frames, channels, height,
    width) and their ``line_lengths`` and ``geodesic_lengths`` (pairs,).
    """
    try:
        s, flat = survey.parts["test"].singular_values, survey.manifold.chart(survey.codes).shape[-1] == 2
        arrays: dict[str, Any] = {"log_magnification": log_magnification(s)}
        arrays |= {"log_condition": log_condition(s)} if survey.manifold.dimension > 1 else {}
        arrays |= _plane(survey) if flat else {}
    except Missing as error:
        return {"reason": np.array(str(error))}
    try:
        arrays |= _curves(survey, flat)
    except Missing as error:
        arrays["curve_reason"] = np.array(str(error))
    tensors = {name: value for name, value in arrays.items() if isinstance(value, Tensor)}
    return {"reason": np.array("")} | arrays | {name: value.cpu().numpy() for name, value in tensors.items()}


def _plane(survey: Survey) -> dict[str, Any]:
    """Magnification and Gaussian curvature over a window of two latents, and the codes there."""
    manifold, test = survey.manifold, survey.parts["test"]
    codes = manifold.chart(survey.codes).double()
    low, high = manifold.window(codes)
    x, y = (torch.linspace(float(a), float(b), GRID, dtype=torch.float64) for a, b in zip(low, high, strict=True))
    chart = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).to(codes.device)
    place = manifold.place(chart)
    s = survey.metric.singular_values(place, manifold.frame(place))
    shown = evenly(CODES, len(codes))
    arrays = {
        "plane_axes": np.array(manifold.axes),
        "plane_x": x,
        "plane_y": y,
        "plane_log_magnification": log_magnification(s).float(),
        "plane_codes": codes[shown].float(),
        "plane_labels": survey.labels[shown],
    }
    try:
        arrays["plane_curvature"] = (0.5 * test.scale * curvature.scalar(test.curved, place)).float()
    except Missing as error:
        arrays["curvature_reason"] = np.array(str(error))
    if survey.model.learned_metric is not None:
        learned = torch.linalg.slogdet(survey.learned_metric(chart.to(survey.codes))).logabsdet
        arrays["plane_learned_log_magnification"] = 0.5 * learned
    return arrays


def _curves(survey: Survey, flat: bool) -> dict[str, Any]:
    """Decoded lines and geodesics of the first pairs, of two classes if there are such, and in a plane more of them as
    curves."""
    arrays: dict[str, Any] = {}
    first, second = survey.pairs
    numbers, apart = torch.arange(len(first)), survey.labels[first] != survey.labels[second]
    strips, drawn = (numbers[apart] if apart.any() else numbers)[:STRIPS], numbers[:DRAWN]
    found = survey.geodesics
    for name, lengths in (("line", found.line_length), ("geodesic", found.length)):
        path = survey.parts[name]
        if survey.bounded:
            arrays |= {f"{name}_images": path.images(STRIP, strips), f"{name}_lengths": lengths[strips]}
        else:
            arrays["curve_reason"] = np.array(REASONS["images"])
        if flat:
            latents = survey.manifold.latents(path.points(FINE, drawn))
            arrays[f"plane_{name}s"] = survey.manifold.chart(latents)
    return arrays | ({"plane_trusted": found.trusted[drawn]} if flat else {})
