"""What an aggregated posterior is made of, over the whole test set."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.training.engine import EVALUATION_BATCH

if TYPE_CHECKING:
    from vaebench.evaluation.subject import Subject

CHUNK = 500


class Aggregate(NamedTuple):
    r"""Log densities in nats at one draw $z_i \sim q(z|x_i)$ of each test image, float64 (images,).

    ``own`` is $\log q(z_i|x_i)$, ``prior`` $\log p(z_i)$ and ``whole`` $\log q(z_i)$ of the aggregated posterior
    $q(z) = \frac1N \sum_j q(z|x_j)$, the image itself among them. ``parts`` is $\sum_k \log q(z_{ik})$ of its
    coordinates, None where these are not those of a Gaussian.
    """

    own: Tensor
    prior: Tensor
    whole: Tensor
    parts: Tensor | None


@torch.no_grad()
def aggregate(subject: Subject) -> Aggregate:
    """Of a subject whose posterior has a density at any latent; raises `Missing` where one is not finite."""
    draws, own, prior, posteriors = [], [], [], []
    for part, x in enumerate(subject.observed.split(EVALUATION_BATCH)):
        with subject.keyed("aggregate", part):
            draw = subject.model(x)
        draws.append(draw.z)
        own.append(draw.q.log_prob(draw.z))
        prior.append(draw.p.log_prob(draw.z))
        posteriors.append(draw.q)
    z = torch.cat(draws)
    if all(isinstance(q, Gaussian) for q in posteriors):
        mean, log_std = (torch.cat([getattr(q, name) for q in posteriors]) for name in ("location", "log_std"))
        whole, parts = _gaussian(z.double(), mean.double(), log_std.double())
    else:
        whole, parts = _any(z, posteriors), None
    found = Aggregate(torch.cat(own).double(), torch.cat(prior).double(), whole, parts)
    if not all(values.isfinite().all() for values in found if values is not None):
        raise Missing("the density of its aggregated posterior is not finite")
    return found


def _gaussian(z: Tensor, mean: Tensor, log_std: Tensor) -> tuple[Tensor, Tensor]:
    """Log density of a mixture of diagonal Gaussians at z (images, latent), and the sum of its coordinates' ones."""
    whole, parts = [], []
    for some in z.split(CHUNK):
        total = torch.zeros(len(some), len(mean), dtype=z.dtype, device=z.device)
        each = torch.zeros(len(some), dtype=z.dtype, device=z.device)
        for value, centre, log_scale in zip(some.T, mean.T, log_std.T, strict=True):
            scaled = (value[:, None] - centre) * (-log_scale).exp()
            log_density = -0.5 * scaled.square() - log_scale - 0.5 * math.log(2 * math.pi)
            total += log_density
            each += log_density.logsumexp(1)
        whole.append(total.logsumexp(1))
        parts.append(each)
    size = math.log(len(mean))
    return torch.cat(whole) - size, torch.cat(parts) - size * z.shape[1]


def _any(z: Tensor, posteriors: list[Any]) -> Tensor:
    """The same log density of any posteriors."""
    images = len(z)
    rows = []
    for some in z.split(CHUNK):
        rows.append(torch.cat([q.log_prob(some[:, None]).double() for q in posteriors], 1).logsumexp(1))
    return torch.cat(rows) - math.log(images)
