"""A latent space of two directions as a map: what is decoded over it, and the metric that the decoder pulls back."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.subject import Subject, evenly
from vaebench.geometry import manifolds
from vaebench.geometry.budget import in_parts
from vaebench.geometry.metrics import Pullback, immersion, metric
from vaebench.geometry.scalars import log_magnification
from vaebench.model.distributions.gaussian import Gaussian

IMAGES, NODES = 24, 47  # a side: images that are decoded, and points of the metric, of which every other has an image
WIDE = 3.5  # standard deviations of the codes to each side of the map's middle
POINTS = 1000  # codes
STANDARD = "direction 1", "direction 2"  # of codes, in standard deviations


@torch.no_grad()
def plane(subject: Subject, labels: Tensor) -> dict[str, np.ndarray]:
    """Arrays of the map, ``plane_reason`` alone where there is none, such as of a collapsed or discrete latent space.

    Its coordinates are standard deviations along the two directions of the codes, or those in which a curved latent
    space is shown: ``plane_axes`` (2 names), ``plane_x`` and ``plane_y`` (nodes,). Over them: ``plane_images`` (images,
    images, channels, height, width), the mean images times 255, uint8, at every other node; ``plane_metric``
    (3, nodes, nodes), the components xx, xy and yy in these coordinates of the metric that mean images pull back;
    ``plane_log_magnification`` (nodes, nodes), of the latent space's own area. The first axis is y. Not a number is
    what lies outside of the latent space. ``plane_codes`` (codes, 2) have the ``plane_labels``.
    """
    try:
        return _plane(subject, labels)
    except Missing as error:
        return {"plane_reason": np.array(str(error))}


def _plane(subject: Subject, labels: Tensor) -> dict[str, np.ndarray]:
    for need in ("images", "continuous", "compression"):
        if reason := subject.lacks(need):
            raise Missing(reason)
    manifold, codes = _manifold(subject), subject.means.double()
    if manifold.dimension != 2:
        raise Missing(f"its codes vary along {manifold.dimension} of the latent directions, and a map shows two")
    decoder = copy.deepcopy(subject.model.decoder).double()
    standard = isinstance(manifold, manifolds.Euclidean)
    points = manifold.coordinates(codes) if standard else manifold.chart(codes)
    corner = codes.new_full((2,), WIDE)
    low, high = (-corner, corner) if standard else manifold.window(points)
    x, y = (torch.linspace(float(a), float(b), NODES, dtype=torch.float64) for a, b in zip(low, high, strict=True))
    nodes = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).to(codes.device)

    def place(chart: Tensor) -> Tensor:
        return chart if standard else manifold.place(chart)

    images = in_parts(lambda some: decoder(manifold.latents(place(some))).mean, nodes[::2, ::2])
    pulled = Pullback(immersion(lambda chart: decoder(manifold.latents(place(chart)))))
    tensor = torch.stack([pulled(row) for row in nodes])  # (nodes, nodes, 2, 2)
    coordinates = place(nodes)
    s = metric(lambda some: decoder(manifold.latents(some))).singular_values(coordinates, manifold.frame(coordinates))
    shown = evenly(POINTS, len(codes))
    arrays = {
        "plane_x": x,
        "plane_y": y,
        "plane_images": (255 * images.clamp(0, 1)).nan_to_num(255).round().to(torch.uint8),
        "plane_metric": torch.stack((tensor[..., 0, 0], tensor[..., 0, 1], tensor[..., 1, 1])).float(),
        "plane_log_magnification": log_magnification(s).float(),
        "plane_codes": points[shown].float(),
        "plane_labels": labels[shown],
    }
    found = {name: value.cpu().numpy() for name, value in arrays.items()}
    return found | {"plane_reason": np.array(""), "plane_axes": np.array(STANDARD if standard else manifold.axes)}


def _manifold(subject: Subject) -> manifolds.Manifold:
    model, codes = subject.model, subject.means.double()
    if not codes.isfinite().all() or len(codes) < 2:
        raise Missing("its codes are not finite, or of fewer than two images")
    unit = model.prior is not None and isinstance(model.prior(model.encoder), Gaussian)
    return manifolds.manifold(model.encoder(subject.observed[:1]), codes, unit)
