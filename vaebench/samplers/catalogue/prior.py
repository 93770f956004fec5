"""The flavour's own prior."""

import torch
from torch import Tensor

from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler


class prior(Sampler):
    """$z \\sim p(z)$: nothing is fitted."""

    needs = ("prior",)

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        """Nothing to learn."""

    def sample(self, vae: VAE, count: int) -> Tensor:
        assert vae.prior is not None
        return vae.prior(vae.encoder).rsample(torch.Size((count,)))
