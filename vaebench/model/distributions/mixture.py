r"""Mixtures of diagonal Gaussians: what learned priors are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaebench import random
from vaebench.model.distributions.gaussian import Gaussian


class Mixture(Distribution):
    r"""$\sum_k w_k\,\mathcal N(\mu_k, \mathrm{diag}\,\sigma_k^2)$: Gaussians (components, latent), log weights."""

    has_rsample = True

    def __init__(self, components: Gaussian, log_weights: Tensor) -> None:
        self.components, self.log_weights = components, log_weights
        super().__init__(event_shape=components.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.log_weights.exp() @ self.components.mean

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draws of the components, shape (*samples, latent); the choice of the component carries no gradient."""
        below = random.uniform((*sample_shape, 1), self.log_weights) > self.log_weights.exp().cumsum(-1)[:-1]
        chosen = below.sum(-1)
        mean, std = self.components.mean[chosen], self.components.stddev[chosen]
        return mean + std * random.normal(mean.shape, mean)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, shape (...).

        A Gaussian's log density is linear in $(z^2, z)$, so all of them are one matrix product: far less memory than
        (..., components, latent) differences. Its large terms cancel where $|z - \\mu| \\ll |z|$, hence float64.
        """
        exact = Gaussian(self.components.mean.double(), self.components.log_std.double())
        precision, z = (-2 * exact.log_std).exp(), value.double()
        table = torch.cat((-0.5 * precision, exact.mean * precision), -1)
        at_zero = exact.log_prob(torch.zeros_like(exact.mean)) + self.log_weights
        return (torch.cat((z.square(), z), -1) @ table.mT + at_zero).logsumexp(-1).to(value.dtype)
