"""What the figures of the latent geometry are drawn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.subject import evenly
from vaebench.evaluation.survey.curves import FINE, Curves
from vaebench.evaluation.survey.neighbourhoods import CODES
from vaebench.evaluation.survey.survey import Survey
from vaebench.geometry import curvature
from vaebench.geometry.manifolds import Euclidean
from vaebench.geometry.scalars import log_condition, log_magnification
from vaebench.model.abilities import REASONS

STRIPS, STRIP, DRAWN = 2, 9, 10  # pairs and frames of the pictures, and curves in the plane
GRID = 48  # points of a map, a side
WIDE = 3.5  # standard deviations to each side of a map's middle
STANDARD = "direction 1", "direction 2"  # of codes, in standard deviations


def pictures(survey: Survey) -> dict[str, np.ndarray]:
    """Arrays for the figures; ``reason`` says why there are no others, ``curve_reason`` why curves or images lack.

    ``log_magnification`` and, of two directions or more, ``log_condition`` (points,) at test codes. Of a latent space
    of two directions, over a window of it (`_chart`): ``plane_axes`` (2 names), ``plane_x`` and ``plane_y`` (grid,),
    ``plane_log_magnification`` and ``plane_curvature`` (grid, grid; else ``curvature_reason``),
    ``plane_learned_log_magnification`` where a metric is learned, ``plane_codes`` (codes, 2) and their
    ``plane_labels``; ``plane_lines`` and ``plane_geodesics`` (curves, points, 2), and which of these are
    ``plane_trusted``. Between a few pairs of test images, which are ``end_images`` (pairs, 2, channels, height, width):
    ``line_images``, ``geodesic_images`` and those of each further metric's name (pairs, frames, channels, height,
    width; else its ``_reason``), and of geodesics their ``_ratios`` to the line, both lengths by their own metric
    (pairs,), not a number where a geodesic is not trusted.
    """
    try:
        manifold, s = survey.manifold, survey.parts["test"].singular_values
        flat = manifold.dimension == 2
        arrays: dict[str, Any] = {"log_magnification": log_magnification(s)}
        arrays |= {"log_condition": log_condition(s)} if manifold.dimension > 1 else {}
        arrays |= _plane(survey) if flat else {}
    except Missing as error:
        return {"reason": np.array(str(error))}
    try:
        arrays |= _curves(survey, flat)
    except Missing as error:
        arrays["curve_reason"] = np.array(str(error))
    tensors = {name: value for name, value in arrays.items() if isinstance(value, Tensor)}
    return {"reason": np.array("")} | arrays | {name: value.cpu().numpy() for name, value in tensors.items()}


def _chart(survey: Survey, y: Tensor) -> Tensor:
    """Where coordinates are shown, (..., 2): of a Euclidean space where they are, in which codes have covariance 1."""
    manifold = survey.manifold
    return y if isinstance(manifold, Euclidean) else manifold.chart(manifold.latents(y))


def _plane(survey: Survey) -> dict[str, Any]:
    """Magnification and Gaussian curvature over a window of two latent directions, and the codes there."""
    manifold, test = survey.manifold, survey.parts["test"]
    standard = isinstance(manifold, Euclidean)
    codes = _chart(survey, manifold.coordinates(survey.codes.double()))
    corner = codes.new_full((2,), WIDE)
    low, high = (-corner, corner) if standard else manifold.window(codes)
    x, y = (torch.linspace(float(a), float(b), GRID, dtype=torch.float64) for a, b in zip(low, high, strict=True))
    chart = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).to(codes.device)
    place = chart if standard else manifold.place(chart)
    s = survey.metric.singular_values(place, manifold.frame(place))
    shown = evenly(CODES, len(codes))
    arrays = {
        "plane_axes": np.array(STANDARD if standard else manifold.axes),
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
        learned = torch.linalg.slogdet(survey.learned_metric(manifold.latents(place).to(survey.codes))).logabsdet
        arrays["plane_learned_log_magnification"] = 0.5 * learned
    return arrays


def _curves(survey: Survey, flat: bool) -> dict[str, Any]:
    """Decoded lines and geodesics of the first pairs, of two classes if there are such, and in a plane more of them as
    curves."""
    first, second = survey.pairs
    numbers, apart = torch.arange(len(first)), survey.labels[first] != survey.labels[second]
    strips, drawn = (numbers[apart] if apart.any() else numbers)[:STRIPS], numbers[:DRAWN]
    arrays: dict[str, Any] = {}
    if flat:
        line, geodesic = (survey.parts[name].points(FINE, drawn) for name in ("line", "geodesic"))
        arrays |= {"plane_lines": _chart(survey, line), "plane_geodesics": _chart(survey, geodesic)}
        arrays["plane_trusted"] = survey.first.geodesics.trusted[drawn]
    if not survey.bounded:
        return arrays | {"curve_reason": np.array(REASONS["images"])}
    arrays["end_images"] = torch.stack((survey.observed[first[strips]], survey.observed[second[strips]]), 1)
    arrays["line_images"] = survey.parts["line"].images(STRIP, strips)
    for name in ("geodesic", *survey.settings.metrics[1:]):
        try:
            arrays |= _strips(survey.parts[name], name, strips)
        except Missing as error:
            arrays[f"{name}_reason"] = np.array(str(error))
    return arrays


def _strips(curves: Curves, name: str, strips: Tensor) -> dict[str, Any]:
    found = curves.paths.geodesics
    ratios = torch.where(found.trusted, found.length / found.line_length, torch.nan)
    return {f"{name}_images": curves.images(STRIP, strips), f"{name}_ratios": ratios[strips]}
