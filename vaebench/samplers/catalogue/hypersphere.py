"""The uniform law of a sphere. Davidson et al. 2018, https://arxiv.org/abs/1804.00891, section 3.3."""

import torch
from torch import Tensor

from vaebench.model.distributions.von_mises_fisher import UniformSphere
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler


class hypersphere(Sampler):
    """Nothing is fitted."""

    needs = ("sphere",)

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        """Nothing to learn."""

    def sample(self, vae: VAE, count: int) -> Tensor:
        return UniformSphere(vae.like.new_zeros(vae.width)).rsample(torch.Size((count,)))
