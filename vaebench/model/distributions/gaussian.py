r"""Diagonal Gaussian on latent vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution, register_kl

from vaebench import random


class Gaussian(Distribution):
    r"""$\mathcal N(\mu, \mathrm{diag}\,\sigma^2)$ with ``mean`` and ``log_std`` of shape (batch, latent)."""

    has_rsample = True

    def __init__(self, mean: Tensor, log_std: Tensor) -> None:
        self.location, self.log_std = torch.broadcast_tensors(mean, log_std)
        super().__init__(self.location.shape[:-1], self.location.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.location

    @property
    def stddev(self) -> Tensor:
        return self.log_std.exp()

    @property
    def variance(self) -> Tensor:
        return (2 * self.log_std).exp()

    def detach(self) -> Gaussian:
        """The same distribution, whose parameters no gradient reaches."""
        return Gaussian(self.location.detach(), self.log_std.detach())

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = (*sample_shape, *self.location.shape)
        return self.location + self.stddev * random.normal(shape, self.location)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, shape (..., batch)."""
        scaled = (value - self.location) * (-self.log_std).exp()
        return -(0.5 * scaled.square() + self.log_std).sum(-1) - 0.5 * value.shape[-1] * math.log(2 * math.pi)


@register_kl(Gaussian, Gaussian)
def _gaussian_gaussian(q: Gaussian, p: Gaussian) -> Tensor:
    return kl_per_dimension(q, p).sum(-1)


def kl_per_dimension(q: Gaussian, p: Gaussian) -> Tensor:
    r"""$\mathrm{KL}(q_i \| p_i)$ of every coordinate, in nats, shape (batch, latent)."""
    log_ratio = q.log_std - p.log_std
    return 0.5 * ((2 * log_ratio).exp() + (q.mean - p.mean).square() / p.variance - 1) - log_ratio
