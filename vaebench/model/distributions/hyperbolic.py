r"""Normal distributions on the Poincare ball. Mathieu et al. 2019, https://arxiv.org/abs/1901.06033, section 3.1.

Densities are with respect to the Riemannian volume; ``mean`` (batch, latent) is a point of the ball, the Frechet mean.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from vaebench import random
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.distributions.reparameterisation import PROPOSALS, attach, first, quadrature
from vaebench.model.spaces.poincare import Ball, log_sinhc

SPAN = 9.0


class Wrapped(Distribution):
    """The end of a Gaussian tangent vector at the mean; ``log_std`` (batch, latent or 1) is of its lengths."""

    space = "ball"
    has_rsample = True

    def __init__(self, ball: Ball, mean: Tensor, log_std: Tensor) -> None:
        self.ball, self.location = ball, mean
        self.vector = Gaussian(torch.zeros_like(mean), log_std)
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.location

    @property
    def length(self) -> Tensor:
        """Root mean square distance to the mean, (batch,)."""
        return self.vector.variance.sum(-1).sqrt()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.ball.exp(self.location, self.vector.rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, shape (..., batch)."""
        vector = self.ball.log(self.location, value)
        return self.vector.log_prob(vector) - self.ball.log_volume(vector)


class Riemannian(Distribution):
    r"""Density $\propto e^{-d(z, \mu)^2 / 2\sigma^2}$, with ``log_std`` (batch, 1).

    The radius is $\sigma\rho$ with density $\propto e^{-\rho^2/2} \sinh(a\rho)^{d-1}$, where $a = \sqrt c\,\sigma$.
    Its logarithm bends at least as much as a normal one's, so the tangent of $\log \sinh$ gives a normal proposal that
    is accepted with probability 0.65 at least, and `SPAN` to both sides of its centre holds all but 1e-18 of the mass.
    """

    space = "ball"
    has_rsample = True

    def __init__(self, ball: Ball, mean: Tensor, log_std: Tensor) -> None:
        self.ball, self.location = ball, mean
        self.log_std = log_std.squeeze(-1).double()
        self.scale = ball.root * self.log_std.exp()
        super().__init__(mean.shape[:-1], mean.shape[-1:], validate_args=False)
        self.power = mean.shape[-1] - 1
        square = (self.power * self.scale).square()
        root = (square.square() + 4 * self.power**2).sqrt()
        self.touch = ((square + root) / 2).sqrt().clamp(min=1).detach()  # near the mode; any point is a valid one
        self.slope = (self.scale / (self.scale * self.touch).tanh()).detach()
        self.centre = self.power * self.slope
        self.low, self.high = (self.centre - SPAN).clamp(min=0), self.centre + SPAN

    @property
    def mean(self) -> Tensor:
        return self.location

    @property
    def length(self) -> Tensor:
        """Distance to the mean about which others lie within a few standard deviations, (batch,)."""
        return self.centre.clamp(min=1) * self.log_std.exp()

    def _log_sinh(self, rho: Tensor, scale: Tensor) -> Tensor:
        return rho.log() + log_sinhc(scale * rho)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, shape (..., batch)."""
        square = (self.ball.distance(self.location, value) * (-self.log_std).exp().to(value.dtype)).square()
        return -0.5 * square - self.log_normaliser.to(value.dtype)

    @property
    def log_normaliser(self) -> Tensor:
        r"""$\log \int e^{-d(z, \mu)^2 / 2\sigma^2}\,dM(z)$ by quadrature over the radius, (batch,) in float64."""
        nodes, weights = quadrature(self.scale.dtype, self.scale.device)
        rho = self.low[..., None] + (self.high - self.low)[..., None] * nodes
        log_density = self.power * self._log_sinh(rho, self.scale[..., None]) - 0.5 * rho.square()
        size = self.power + 1
        log_area = math.log(2) + size / 2 * math.log(math.pi) - math.lgamma(size / 2)
        return (
            (log_density + weights.log()).logsumexp(-1) + (self.high - self.low).log() + log_area + size * self.log_std
        )

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """The radius by rejection, in any direction."""
        shape = (*sample_shape, *self.batch_shape)
        centre, touch = self.centre[..., None], self.touch[..., None]
        proposals = centre + random.normal((*shape, PROPOSALS), centre)
        chance = random.uniform(proposals.shape, centre).log()
        scale = self.scale.detach()[..., None]
        size = proposals.abs().clamp(min=1e-12)
        below = self._log_sinh(size, scale) - self._log_sinh(touch, scale) - self.slope[..., None] * (size - touch)
        rho = first(size, ((proposals > 0) | (self.power == 0)) & (chance < self.power * below))

        def law(rho: Tensor) -> tuple[Tensor, Tensor]:
            log_density = self.power * self._log_sinh(rho, scale) - 0.5 * rho.square()
            return log_density, self.power * (rho / (scale * rho).tanh() - 1 / scale)

        rho = attach(rho, self.scale, law, self.low, self.high)
        radius = (rho * self.log_std.exp()).to(self.location.dtype)
        direction = F.normalize(random.normal((*shape, self.power + 1), self.location), dim=-1)
        return self.ball.exp(self.location, radius[..., None] * direction)
