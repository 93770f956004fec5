r"""Categorical pixels over equally spaced grey levels. van den Oord et al. 2016, https://arxiv.org/abs/1601.06759."""

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaebench.study.ranges import Interval


class categorical(nn.Module):
    r"""$\prod_i p_{i, k_i}$ with features as logits, $k_i$ the level nearest to $x_i$; a mass, in nats."""

    takes = ("bits", "grey")

    def __init__(self, *, levels: Annotated[int, Interval(int, 2, 256)] = 256) -> None:
        super().__init__()
        self.features = levels

    def forward(self, features: Tensor) -> Distribution:
        return Levels(features.unflatten(-3, (-1, self.features)).log_softmax(-3))


class Levels(Distribution):
    """Images whose pixels are levels in [0, 1], from log masses (..., channels, levels, height, width)."""

    def __init__(self, log_masses: Tensor) -> None:
        self.log_masses = log_masses
        channels, self.levels, *sides = log_masses.shape[-4:]
        super().__init__(log_masses.shape[:-4], torch.Size((channels, *sides)), validate_args=False)

    @property
    def mean(self) -> Tensor:
        values = torch.linspace(0, 1, self.levels, dtype=self.log_masses.dtype, device=self.log_masses.device)
        return (self.log_masses.exp() * values[:, None, None]).sum(-3)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats of the levels nearest to ``value``, shape (...)."""
        index = (value * (self.levels - 1)).round().long().unsqueeze(-3)
        shape = (*self.batch_shape, self.event_shape[0], 1, *self.event_shape[1:])
        return self.log_masses.gather(-3, index.expand(shape)).sum((-4, -3, -2, -1))
