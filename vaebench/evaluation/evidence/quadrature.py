"""The evidence of a model of one or two latents: an integral by cells that grow smaller where the integrand is."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaebench.errors import Missing
from vaebench.evaluation.evidence.coordinates import Continuous
from vaebench.evaluation.evidence.enumeration import log_likelihoods

SIDES = {1: 512, 2: 64}  # cells that the box of the coordinates is cut into, a side, by how many sides it has
DRAWS, MARGIN = 10_000, 0.25  # of the prior, which the box holds with a margin of a share of its width
DEEPEST = 12
REACH, BEAM = 15.0, 256  # cells are cut that are this many nats below the highest, and at least so many
TOLERANCE, LIMIT = 1e-3, 0.05  # nats between two cuts, of an image that is done, and in the mean over images


class Cells(NamedTuple):
    """Cells of one size, by their ``centres`` (cells, dimensions); ``sides`` (dimensions,)."""

    centres: Tensor
    sides: Tensor

    @property
    def log_volume(self) -> float:
        return float(self.sides.double().log().sum())

    def cut(self, kept: Tensor) -> Cells:
        """Some cells, halved along all dimensions."""
        offsets = torch.cartesian_prod(*(torch.stack((-side / 4, side / 4)) for side in self.sides))
        centres = self.centres[kept][:, None] + offsets.reshape(-1, len(self.sides))
        return Cells(centres.flatten(0, 1), self.sides / 2)


def box(place: Continuous, means: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest coordinates, (size,) both, of the prior's draws and of the latents ``means``."""
    if place.box is not None:
        return place.box
    assert place.inverse is not None
    seen = torch.cat((place.draw(DRAWS), place.inverse(means)))
    low, high = seen.amin(0), seen.amax(0)
    margin = MARGIN * (high - low)
    return low - margin, high + margin


def quadrature(place: Continuous, decoder: nn.Module, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """log p(x) in nats, float64 (images,), by the midpoint rule; raises `Missing` where it does not converge."""

    def log_joint(u: Tensor, x: Tensor) -> Tensor:
        return place.base.log_prob(u).double()[:, None] + log_likelihoods(decoder, place.latents(u), x)

    side = (high - low) / SIDES[place.size]
    axis = 0.5 + torch.arange(SIDES[place.size], dtype=low.dtype, device=low.device)
    cells = Cells(low + side * torch.cartesian_prod(*[axis] * place.size).reshape(-1, place.size), side)
    found = [
        torch.stack(integral(partial(log_joint, x=image[None]), cells, values))
        for image, values in zip(x, log_joint(cells.centres, x).T, strict=True)
    ]
    log_p, change = torch.stack(found, -1)
    if not change.mean() < LIMIT:
        raise Missing(
            f"its integral over latents does not converge: halved cells change it by {change.mean():.2g} nats"
        )
    return log_p


def integral(log_joint: Callable[[Tensor], Tensor], cells: Cells, values: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithm of an integral in nats, and what the last cut changed it by, from its ``values`` at ``cells``."""
    left = values.new_full((), -math.inf)
    estimate = values.logsumexp(0) + cells.log_volume
    for _ in range(DEEPEST):
        kept = values >= torch.minimum(values.max() - REACH, values.topk(min(BEAM, len(values))).values[-1])
        left = torch.logaddexp(left, values[~kept].logsumexp(0) + cells.log_volume)
        cells = cells.cut(kept)
        values = log_joint(cells.centres)[:, 0]
        before, estimate = estimate, torch.logaddexp(left, values.logsumexp(0) + cells.log_volume)
        if (estimate - before).abs() < TOLERANCE:
            break
    return estimate, (estimate - before).abs()
