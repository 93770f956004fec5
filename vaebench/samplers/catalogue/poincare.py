"""A wrapped Gaussian on the Poincare ball. Nagano et al. 2019, https://arxiv.org/abs/1902.02992, section 3.1."""

import torch
from torch import Tensor

from vaebench import random
from vaebench.model.spaces.poincare import Ball
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler


class poincare(Sampler):
    """Of full covariance in the tangent space at the centre, where one draw of each posterior is mapped to."""

    needs = ("ball",)
    mean: Tensor
    root: Tensor

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        draws = codes.draws.double()
        vectors = self._ball(vae).log(torch.zeros_like(draws), draws)
        covariance = torch.atleast_2d(vectors.T.cov())
        jitter = 1e-9 * covariance.diagonal().mean() * torch.eye(len(covariance)).to(covariance)
        self.keep(mean=vectors.mean(0), root=torch.linalg.cholesky(covariance + jitter))

    def sample(self, vae: VAE, count: int) -> Tensor:
        vectors = self.mean + random.normal((count, len(self.mean)), self.mean) @ self.root.T
        ball = self._ball(vae)
        return ball.inside(ball.from_centre(vectors).to(vae.like))

    def _ball(self, vae: VAE) -> Ball:
        return vae.encoder(vae.like.new_zeros(1, *vae.recipe.image)).ball
