"""Gaussian pixels of one fixed standard deviation."""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaebench.study.ranges import Positive


class gaussian(nn.Module):
    r"""$\prod_i \mathcal N(x_i; \mu_i, \sigma^2)$ with features as means; a density, in nats."""

    features = 1
    takes = ("grey", "real")
    one_scale = True  # the same for every pixel of every image

    def __init__(self, *, sigma: Positive = 0.1) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, features: Tensor) -> Distribution:
        scale = torch.full_like(features, self.sigma)
        return Independent(Normal(features, scale, validate_args=False), 3, validate_args=False)
