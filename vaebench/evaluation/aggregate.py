"""What an aggregated posterior is made of, over the whole test set."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.metric import Estimate
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.training.engine import EVALUATION_BATCH

if TYPE_CHECKING:
    from vaebench.evaluation.subject import Subject

CHUNK, FEW = 100, 50  # draws held against the posterior of each image at once: a Gaussian's, and any
MOST = 100  # draws of any


class Aggregate(NamedTuple):
    r"""Log densities in nats at one draw $z_i \sim q(z|x_i)$ of each test image, float64 (images,).

    ``own`` is $\log q(z_i|x_i)$, ``prior`` $\log p(z_i)$ and ``whole`` $\log q(z_i)$ of the aggregated posterior
    $q(z) = \frac1N \sum_j q(z|x_j)$, the image itself among them. ``parts`` is $\sum_k \log q(z_{ik})$ of its
    coordinates, None where these are not those of a Gaussian. Of other posteriors, whose densities may take many passes
    of a network, only draws of at most `MOST` of the images of the importance weights are looked at: else it is not a
    number.
    """

    own: Tensor
    prior: Tensor
    whole: Tensor
    parts: Tensor | None


def mean(values: Tensor) -> Estimate:
    """Of images' values (images,), over those that are a number."""
    return Estimate.of(values[~values.isnan()])._replace(each=values)


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
    chosen = torch.arange(len(z), device=z.device)
    if all(isinstance(q, Gaussian) for q in posteriors):
        mean, log_std = (torch.cat([getattr(q, name) for q in posteriors]) for name in ("location", "log_std"))
        whole, parts = _gaussian(z.double(), mean.double(), log_std.double())
    else:
        chosen = subject.chosen[:: math.ceil(len(subject.chosen) / MOST)]
        whole, parts = torch.full((len(z),), torch.nan, dtype=torch.float64, device=z.device), None
        whole[chosen] = _any(z[chosen], posteriors)
    found = Aggregate(torch.cat(own).double(), torch.cat(prior).double(), whole, parts)
    if not all(values[chosen].isfinite().all() for values in found if values is not None):
        raise Missing("the density of its aggregated posterior is not finite")
    return found


def _gaussian(z: Tensor, mean: Tensor, log_std: Tensor) -> tuple[Tensor, Tensor]:
    """Log density of a mixture of diagonal Gaussians at z (images, latent), and the sum of its coordinates' ones."""
    whole, parts = [], []
    scale = math.sqrt(0.5) * (-log_std.T).exp()
    coordinates = list(zip(mean.T * scale, scale, -log_std.T - 0.5 * math.log(2 * math.pi), strict=True))
    for some in z.split(CHUNK):
        total = torch.zeros(len(some), len(mean), dtype=z.dtype, device=z.device)
        each = torch.zeros(len(some), dtype=z.dtype, device=z.device)
        for value, (centre, factor, most) in zip(some.T, coordinates, strict=True):
            gaps = torch.addcmul(-centre, value[:, None], factor)
            log_density = torch.sub(most, gaps.square_(), out=gaps)
            total += log_density
            density = log_density.exp().sum(1)  # half the time of logsumexp, and 0 where a posterior is a needle
            each += density.log() if density.all() else log_density.logsumexp(1)
        whole.append(total.logsumexp(1))
        parts.append(each)
    size = math.log(len(mean))
    return torch.cat(whole) - size, torch.cat(parts) - size * z.shape[1]


def _any(z: Tensor, posteriors: list[Any]) -> Tensor:
    """The same log density of any posteriors."""
    sizes = [q.batch_shape[0] for q in posteriors]
    rows = []
    for some in z.split(FEW):
        pairs = zip(posteriors, sizes, strict=True)
        each = [q.log_prob(some[:, None].expand(-1, size, -1)).double() for q, size in pairs]
        rows.append(torch.cat(each, 1).logsumexp(1))
    return torch.cat(rows) - math.log(sum(sizes))
