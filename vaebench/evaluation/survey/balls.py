"""A mixture of equal balls: where codes lie, and how densely."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from vaebench.samplers.sampler import clusters

MOST, HALVINGS = 64, 16


@dataclass(frozen=True)
class Balls:
    """Gaussian balls of one ``variance`` at ``centres`` (balls, coordinates), with ``weights`` (balls,) of sum 1."""

    centres: Tensor
    weights: Tensor
    variance: Tensor

    @classmethod
    def of(cls, codes: Tensor, key: int) -> Balls:
        """At the middle codes of k-means clusters of every second one of codes (points, coordinates).

        The variance is that under which the other codes are likeliest, of halvings of the codes' own: in as many
        coordinates as codes fill, balls are then as wide as the gaps between them.
        """
        fitted, held = codes[::2], codes[1::2]
        which, central = clusters(fitted, MOST, key)
        weights = torch.bincount(which, minlength=len(central)).to(codes) / len(fitted)
        variances = codes.var(0).mean() * 2.0 ** -torch.arange(HALVINGS, device=codes.device)
        found = [cls(fitted[central], weights, variance) for variance in variances]
        return max(found, key=lambda balls: float(balls.log_density(held).mean()))

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
