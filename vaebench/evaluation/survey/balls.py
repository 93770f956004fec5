"""A mixture of equal balls: where codes lie, and how densely."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaebench.samplers.sampler import clusters

MOST = 64


@dataclass(frozen=True)
class Balls:
    """Gaussian balls of one ``variance`` at ``centres`` (balls, coordinates), with ``weights`` (balls,) of sum 1."""

    centres: Tensor
    weights: Tensor
    variance: Tensor

    @classmethod
    def of(cls, codes: Tensor, key: int) -> Balls:
        """At the middle codes of k-means clusters of codes (points, coordinates), as wide as these are."""
        which, central = clusters(codes, MOST, key)
        squares = (codes - codes[central][which]).square()
        weights = torch.bincount(which, minlength=len(central)).to(codes) / len(codes)
        return cls(codes[central], weights, squares.mean().clamp_min(torch.finfo(codes.dtype).tiny))

    def log_bumps(self, y: Tensor) -> Tensor:
        """Logarithm of bumps of height 1, (..., coordinates) to (..., balls)."""
        return -0.5 * (y.unsqueeze(-2) - self.centres).square().sum(-1) / self.variance

    def bumps(self, y: Tensor) -> Tensor:
        """(..., coordinates) to (..., balls)."""
        return self.log_bumps(y).exp()

    def log_density(self, y: Tensor) -> Tensor:
        """(..., coordinates) to (...)."""
        constant = 0.5 * y.shape[-1] * (2 * math.pi * self.variance).log()
        return (self.log_bumps(y) + self.weights.log()).logsumexp(-1) - constant
