"""The aggregated posterior of the training images. Tomczak & Welling 2018, https://arxiv.org/abs/1705.07120,
equation 5; Makhzani et al. 2016, https://arxiv.org/abs/1511.05644.
"""

import math

from torch import Tensor

from vaebench import random
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.distributions.mixture import Mixture
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler, batch


class aggregate_posterior(Sampler):
    r"""$\frac1n \sum_i q(z|x_i)$ where $q$ is Gaussian; else a kernel density of one draw of each posterior, whose
    bandwidth is Scott's (1992, Multivariate Density Estimation, equation 6.42)."""

    needs = ("euclidean",)
    centres: Tensor
    deviations: Tensor

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        if codes.log_std is not None:
            self.keep(centres=codes.means, deviations=codes.log_std.exp())
        else:
            count, latent = codes.draws.shape
            bandwidth = codes.draws.std(0) * count ** (-1 / (latent + 4))
            self.keep(centres=codes.draws, deviations=bandwidth.expand(count, latent))

    def density(self, vae: VAE) -> Mixture:
        count = len(self.centres)
        weights = self.centres.new_full((count,), -math.log(count))
        return Mixture(Gaussian(self.centres, self.deviations.log()), weights)

    def sample(self, vae: VAE, count: int) -> Tensor:
        chosen = batch(count, len(self.centres), self.centres)
        noise = random.normal((count, self.centres.shape[1]), self.centres)
        return self.centres[chosen] + self.deviations[chosen] * noise
