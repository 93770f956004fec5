"""Gaussian pixels of one learned standard deviation.

Rybkin et al. 2021, https://arxiv.org/abs/2006.13202, section 3.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaebench.errors import VaebenchError
from vaebench.study.ranges import Positive


class gaussian_learned(nn.Module):
    r"""$\prod_i \mathcal N(x_i; \mu_i, \sigma^2)$ with features as means and one $\sigma$ for all pixels.

    $\sigma$ stays above ``floor``, which bounds the density of images that a decoder fits exactly.
    """

    features = 1
    one_scale = True  # the same for every pixel of every image

    def __init__(self, *, sigma: Positive = 1.0, floor: Positive = 0.0025) -> None:
        super().__init__()
        if sigma <= floor:
            raise VaebenchError(
                f"likelihood 'gaussian_learned': sigma = {sigma} is not above the floor {floor}: raise it"
            )
        self.log_floor = math.log(floor)
        self.excess = nn.Parameter(torch.tensor(math.log(math.expm1(math.log(sigma) - self.log_floor))))

    @property
    def log_sigma(self) -> Tensor:
        """Log standard deviation, bent smoothly towards the floor."""
        return self.log_floor + F.softplus(self.excess)

    def forward(self, features: Tensor) -> Distribution:
        scale = self.log_sigma.exp().expand_as(features)
        return Independent(Normal(features, scale, validate_args=False), 3, validate_args=False)
