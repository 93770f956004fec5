"""A mixture of Gaussians of full covariance, fitted to the codes. Ghosh et al. 2020, https://arxiv.org/abs/1903.12436,
section 4.
"""

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from vaebench import random
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler, choose, standardised
from vaebench.study.ranges import Count


class gaussian_mixture(Sampler):
    """By expectation maximisation on point estimates; no more ``components`` than half the different ones."""

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

    def sample(self, vae: VAE, count: int) -> Tensor:
        chosen = choose(self.weights, count)
        noise = random.normal((count, self.means.shape[1]), self.means)
        return self.means[chosen] + (self.roots[chosen] @ noise[..., None]).squeeze(-1)
