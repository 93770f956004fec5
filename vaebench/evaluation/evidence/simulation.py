"""Images drawn from a decoder's distribution, by the ambient stream."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Bernoulli, ContinuousBernoulli, Independent, Normal

from vaebench import random
from vaebench.errors import Missing
from vaebench.model.likelihoods.categorical import Levels
from vaebench.model.likelihoods.discretised_logistic import Logistic


@singledispatch
def simulated(px: Any) -> Tensor:
    """One image of each distribution (..., channels, height, width); raises `Missing` for one of another kind."""
    raise Missing(f"images cannot be drawn from its likelihood, '{type(px).__name__}'")


@simulated.register
def _independent(px: Independent) -> Tensor:
    return simulated(px.base_dist)


@simulated.register
def _bernoulli(px: Bernoulli) -> Tensor:
    return (random.uniform(px.logits.shape, px.logits) < px.probs).to(px.logits.dtype)


@simulated.register
def _normal(px: Normal) -> Tensor:
    return px.mean + px.stddev * random.normal(px.mean.shape, px.mean)


@simulated.register
def _continuous_bernoulli(px: ContinuousBernoulli) -> Tensor:
    r"""The quantile $\log(1 + u (e^\ell - 1)) / \ell$, mirrored so that no logit $\ell$ is positive."""
    size = px.logits.abs().clamp_min(1e-6)
    quantile = -torch.log1p(random.uniform(size.shape, size) * torch.expm1(-size)) / size
    return torch.where(px.logits > 0, 1 - quantile, quantile)


@simulated.register
def _levels(px: Levels) -> Tensor:
    below = px.log_masses.exp().cumsum(-3)[..., :-1, :, :]
    chance = random.uniform(below[..., :1, :, :].shape, below)
    return (chance > below).sum(-3).to(below.dtype) / (px.levels - 1)


@simulated.register
def _logistic(px: Logistic) -> Tensor:
    """The nearest grey level, the mass beyond the ends gathered there."""
    value = px.location + px.scale * random.uniform(px.location.shape, px.location).logit()
    return (value.clamp(0, 1) * 255).round() / 255
