"""The evidence of a model with few latents: a sum over all of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vaebench.evaluation.evidence.coordinates import Discrete

DECODED = 2000  # latents at once


def log_likelihoods(decoder: nn.Module, z: Tensor, x: Tensor) -> Tensor:
    """log p(x|z) in nats of every image at every latent (latents, size), float64 (latents, images)."""
    rows = []
    for some in z.split(DECODED):
        px = decoder(some)
        rows.append(torch.stack([px.log_prob(image).double() for image in x], -1))
    return torch.cat(rows)


def enumeration(place: Discrete, decoder: nn.Module, x: Tensor) -> Tensor:
    """log p(x) in nats, float64 (images,)."""
    total = x.new_full((len(x),), -math.inf, dtype=torch.float64)
    weight = place.codes ** torch.arange(place.positions, device=x.device)
    for some in torch.arange(place.count, device=x.device).split(DECODED):
        index = some[:, None] // weight % place.codes
        total = torch.logaddexp(total, log_likelihoods(decoder, place.latents(index), x).logsumexp(0))
    return total - math.log(place.count)
