"""Gaussian pixels of one learned standard deviation.

Rybkin et al. 2021, https://arxiv.org/abs/2006.13202, section 3.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaebench.model.likelihoods._scales import inverse_softplus, spread
from vaebench.study.ranges import Positive


class gaussian_learned(nn.Module):
    r"""$\prod_i \mathcal N(x_i; \mu_i, \sigma^2)$ with features as means and one $\sigma$ for all pixels.

    $\sigma$ starts at the standard deviation of the training images and stays above ``floor``, which bounds the density
    of images that a decoder fits exactly.
    """

    features = 1
    one_scale = True  # the same for every pixel of every image
    takes = ("grey", "real")

    def __init__(self, *, floor: Positive = 0.0025) -> None:
        super().__init__()
        self.log_floor = math.log(floor)
        self.excess = nn.Parameter(torch.zeros(()))
        self.fit(torch.ones(()))

    @torch.no_grad()
    def fit(self, variance: Tensor) -> None:
        r"""Set $\sigma^2$ to ``variance``: at the mean squared error of the means, maximum likelihood."""
        self.excess.copy_(inverse_softplus(0.5 * variance.log() - self.log_floor))

    def begin(self, images: Tensor) -> None:
        r"""Start $\sigma$ at the standard deviation of images (n, channels, height, width)."""
        self.fit(spread(images).square())

    @property
    def log_sigma(self) -> Tensor:
        """Log standard deviation, bent smoothly towards the floor."""
        return self.log_floor + F.softplus(self.excess)

    def forward(self, features: Tensor) -> Distribution:
        scale = self.log_sigma.exp().expand_as(features)
        return Independent(Normal(features, scale, validate_args=False), 3, validate_args=False)
