r"""Gaussian pixels, each of its own standard deviation. Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, C.2."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaebench.model.likelihoods._scales import inverse_softplus, spread
from vaebench.study.ranges import Positive


class gaussian_pixel(nn.Module):
    r"""$\prod_i \mathcal N(x_i; \mu_i, \sigma_i^2)$ with features $\mu_i$ and what softplus makes $\sigma_i$.

    A density, in nats. At a feature of 0, $\sigma_i$ is the standard deviation of the training images; it stays above
    ``floor``, which bounds the density of pixels that are always the same, such as a border.
    """

    features = 2
    takes = ("grey", "real")
    start: Tensor

    def __init__(self, *, floor: Positive = 0.01) -> None:
        super().__init__()
        self.floor = floor
        self.register_buffer("start", torch.zeros(()))

    def begin(self, images: Tensor) -> None:
        r"""Start $\sigma_i$ at the standard deviation of images (n, channels, height, width)."""
        self.start.copy_(inverse_softplus(spread(images) - self.floor))

    def forward(self, features: Tensor) -> Distribution:
        mean, raw = features.unflatten(-3, (-1, 2)).unbind(-3)
        scale = self.floor + F.softplus(self.start + raw)
        return Independent(Normal(mean, scale, validate_args=False), 3, validate_args=False)
