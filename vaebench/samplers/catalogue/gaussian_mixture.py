"""A mixture of Gaussians of full covariance, fitted to the codes. Ghosh et al. 2020, https://arxiv.org/abs/1903.12436,
section 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor
from torch.distributions import Distribution

from vaebench import random
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler, choose, standardised
from vaebench.study.ranges import Count


class gaussian_mixture(Sampler):
    """By expectation maximisation on point estimates; at most half as many ``components`` as different estimates."""

    needs = ("euclidean",)
    weights: Tensor
    means: Tensor
    roots: Tensor

    def __init__(self, *, components: Count = 10) -> None:
        super().__init__()
        self.components = components

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        scaled, mean, deviation = standardised(codes.means.double().cpu())
        components = min(self.components, max(1, len(scaled.unique(dim=0)) // 2))
        state = random.key(seed, "gaussian mixture") % 2**32
        found = GaussianMixture(components, max_iter=500, random_state=state).fit(scaled.numpy())
        roots = torch.from_numpy(np.linalg.cholesky(found.covariances_))
        place = vae.like.device
        self.keep(
            weights=torch.from_numpy(found.weights_).to(place),
            means=(torch.from_numpy(found.means_) * deviation + mean).to(place),
            roots=(roots * deviation[:, None]).to(place),
        )

    def density(self, vae: VAE) -> FullMixture:
        return FullMixture(*(value.to(vae.like) for value in (self.weights, self.means, self.roots)))

    def sample(self, vae: VAE, count: int) -> Tensor:
        return FullMixture(self.weights, self.means, self.roots).rsample(torch.Size((count,)))


class FullMixture(Distribution):
    """Gaussians of ``weights`` (components,), ``means`` (components, latent) and Cholesky ``roots`` of covariances."""

    has_rsample = True

    def __init__(self, weights: Tensor, means: Tensor, roots: Tensor) -> None:
        self.weights, self.means, self.roots = weights, means, roots
        super().__init__(event_shape=means.shape[1:], validate_args=False)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Latents, (*samples, latent)."""
        chosen = choose(self.weights, math.prod(sample_shape))
        noise = random.normal((len(chosen), *self.event_shape), self.means)
        return (self.means[chosen] + (self.roots[chosen] @ noise[..., None]).squeeze(-1)).unflatten(0, sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, shape (...)."""
        rows = value.reshape(-1, 1, value.shape[-1]) - self.means
        scaled = torch.linalg.solve_triangular(self.roots, rows.permute(1, 2, 0), upper=False).square().sum(1)
        volume = self.roots.diagonal(dim1=-2, dim2=-1).log().sum(-1) + 0.5 * value.shape[-1] * math.log(2 * math.pi)
        log_density = (self.weights.log() - volume)[:, None] - 0.5 * scaled
        return log_density.logsumexp(0).reshape(value.shape[:-1])
