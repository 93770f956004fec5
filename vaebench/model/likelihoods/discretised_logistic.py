r"""Discretised logistic pixels. Salimans et al. 2017, https://arxiv.org/abs/1701.05517, section 2.1, one component."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from vaebench.model.likelihoods._scales import inverse_softplus, spread
from vaebench.study.ranges import Positive

HALF = 0.5 / 255


class discretised_logistic(nn.Module):
    r"""Logistic with mean $\mu_i$ and scale $s_i$, its mass gathered on the 256 grey levels; a mass, in nats.

    Features are $\mu_i$ and what softplus makes $s_i$; at 0 its logistic has the standard deviation of the training
    images. It stays above ``floor``.
    """

    features = 2
    takes = ("bits", "grey")
    start: Tensor

    def __init__(self, *, floor: Positive = 0.001) -> None:
        super().__init__()
        self.floor = floor
        self.register_buffer("start", torch.zeros(()))

    def begin(self, images: Tensor) -> None:
        r"""Start $s_i$ at $\sqrt3 \sigma / \pi$ for images (n, channels, height, width) of deviation $\sigma$."""
        self.start.copy_(inverse_softplus(math.sqrt(3) / math.pi * spread(images) - self.floor))

    def forward(self, features: Tensor) -> Distribution:
        mean, raw = features.unflatten(-3, (-1, 2)).unbind(-3)
        return Logistic(mean, self.floor + F.softplus(self.start + raw))


class Logistic(Distribution):
    """Grey levels 0, 1/255, ..., 1 of images, from location and scale (..., channels, height, width)."""

    def __init__(self, location: Tensor, scale: Tensor) -> None:
        self.location, self.scale = location, scale
        super().__init__(location.shape[:-3], location.shape[-3:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        r"""$\int_0^1 P(X > t)\,dt$: the mean of the logistic kept to [0, 1], within half a level of the exact one."""
        low, high = self.location / self.scale, (self.location - 1) / self.scale
        return self.scale * (F.softplus(low) - F.softplus(high))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats of the grey levels nearest to ``value``, shape (...)."""
        value = (value * 255).round() / 255
        above, below = (value + HALF - self.location) / self.scale, (value - HALF - self.location) / self.scale
        # log(sigmoid(a) - sigmoid(b)) = logsigmoid(a) + logsigmoid(-b) + log(1 - exp(b - a)), exact in the tails
        width = 2 * HALF / self.scale
        inner = F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(-width))
        upper = torch.where(value > 1 - HALF, F.logsigmoid(-below), inner)
        return torch.where(value < HALF, F.logsigmoid(above), upper).sum((-3, -2, -1))
