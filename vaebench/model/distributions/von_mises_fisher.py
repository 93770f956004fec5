r"""The von Mises-Fisher and the uniform distribution on the unit sphere $S^{m-1} \subset \mathbb R^m$.

All densities are with respect to area on the sphere. For $u$ uniform on it and $t = u_1$, the one special function is
$F(\kappa) = \log \mathbb E[e^{\kappa t}] = \log\big(\Gamma(v+1)\,(2/\kappa)^v I_v(\kappa)\big)$ with $v = m/2 - 1$, for
the density is $e^{\kappa \mu^\top z - F(\kappa)}$ times the uniform one, and $F'(\kappa) = I_{v+1}(\kappa)/I_v(\kappa)$
is the mean of $\mu^\top z$. It is computed in float64, whatever the dtype of the samples.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from numpy.polynomial import Polynomial
from torch import Tensor
from torch.distributions import Distribution, register_kl

from vaebench import random
from vaebench.model.distributions.reparameterisation import PROPOSALS, attach, first

ORDER, TERMS = 10, 8


class UniformSphere(Distribution):
    """Uniform on the sphere; ``zero``, shape (m,), gives the dimension, dtype and device."""

    has_rsample = True

    def __init__(self, zero: Tensor) -> None:
        self.zero = zero
        super().__init__(event_shape=zero.shape, validate_args=False)

    @property
    def log_area(self) -> float:
        half = self.event_shape[0] / 2
        return math.log(2) + half * math.log(math.pi) - math.lgamma(half)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return F.normalize(random.normal((*sample_shape, *self.zero.shape), self.zero), dim=-1)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, shape (...)."""
        return value.new_full((), -self.log_area).expand(value.shape[:-1])


class VonMisesFisher(Distribution):
    r"""Density $\propto e^{\kappa \mu^\top z}$, with ``direction`` (batch, m) of norm 1, ``concentration`` (batch,).

    ``mean`` is the mean direction $\mu$, a point of the sphere, and not the expectation, which lies inside.
    """

    space = "sphere"
    has_rsample = True

    def __init__(self, direction: Tensor, concentration: Tensor) -> None:
        self.direction, self.concentration = direction, concentration.double()
        self.uniform = UniformSphere(torch.zeros_like(direction[..., 0, :]))
        super().__init__(direction.shape[:-1], direction.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.direction

    @functools.cached_property
    def cumulants(self) -> tuple[Tensor, Tensor]:
        r"""$F(\kappa)$ and $F'(\kappa)$."""
        return cumulants(self.concentration, self.event_shape[0])

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, shape (..., batch)."""
        excess = (self.concentration - self.cumulants[0]).to(value.dtype)
        gap = 0.5 * (value - self.direction).square().sum(-1)
        return excess - self.concentration.to(value.dtype) * gap + self.uniform.log_prob(value)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        r"""Wood 1994, https://doi.org/10.1080/03610919408813161, with implicit gradients.

        In the frame of $\mu$, the height $t = (c + s)/(1 + cs)$ is a Moebius map of the height $s$ of a uniform point,
        accepted with probability 0.65 at least.
        """
        latent = self.event_shape[0] - 1
        kappa = self.concentration
        c = 2 * kappa / (latent + (latent**2 + 4 * kappa.square()).sqrt())
        shape = (*sample_shape, *self.batch_shape)
        radius, turn, chance = random.uniform((3, *shape, PROPOSALS), kappa)
        power = 2 / (latent - 1) if latent > 1 else math.inf
        proposals = (1 - radius**power).sqrt() * (2 * math.pi * turn).cos()
        accepted = chance.log() < latent * _acceptance(c[..., None] * proposals)
        margin = 1e-12
        angle = first(proposals, accepted).clamp(margin - 1, 1 - margin).acos()

        def law(angle: Tensor) -> tuple[Tensor, Tensor]:
            s, place = angle.cos(), c.detach()[..., None]
            tilt = place * s
            log_density = (latent - 1) * angle.sin().log() + latent * _acceptance(tilt)
            return log_density, -latent * s * tilt / (1 + tilt).square()

        zero = torch.zeros_like(kappa)
        s = attach(angle, c, law, zero, zero + math.pi).cos()
        t = ((c + s) / (1 + c * s)).to(self.direction.dtype)
        across = ((1 - c.square()) * (1 - s.square())).sqrt() / (1 + c * s)
        tangent = F.normalize(random.normal((*shape, latent), self.direction), dim=-1)
        pole = torch.where(self.direction[..., :1] > 0, -1.0, 1.0).to(t.dtype)  # the pole far from the direction
        z = torch.cat((pole * t[..., None], across[..., None].to(t.dtype) * tangent), -1)
        normal = torch.cat((self.direction[..., :1] - pole, self.direction[..., 1:]), -1)
        return z - normal * ((z * normal).sum(-1, keepdim=True) * 2 / normal.square().sum(-1, keepdim=True))


def _acceptance(tilt: Tensor) -> Tensor:
    """Log probability to accept a proposal, per dimension of the sphere."""
    return tilt / (1 + tilt) - tilt.log1p()


@register_kl(VonMisesFisher, UniformSphere)
def _von_mises_fisher_uniform(q: VonMisesFisher, p: UniformSphere) -> Tensor:
    value, slope = q.cumulants
    return (q.concentration * slope - value).to(q.direction.dtype)


def cumulants(kappa: Tensor, dimension: int) -> tuple[Tensor, Tensor]:
    r"""$F(\kappa)$ and $F'(\kappa)$ on the sphere in ``dimension`` dimensions, for $\kappa \ge 0$ in float64.

    Debye's uniform expansion gives both at an order of at least `ORDER`, to 1e-9; the recurrence of the ratios
    $I_{v+1}/I_v$, whose terms are all positive, leads down to the order asked for.
    """
    order = dimension / 2 - 1
    steps = max(0, math.ceil(ORDER - order))
    top = order + steps
    value = _debye(kappa, top)
    ratio = kappa / (2 * top + 2) * (_debye(kappa, top + 1) - value).exp()
    product = torch.ones_like(kappa)
    for step in reversed(range(steps)):
        share = kappa / (2 * (order + step) + 2)
        growth = 1 + share * ratio
        ratio, product = share / growth, product * growth
    return value + product.log(), ratio


def _debye(kappa: Tensor, order: float) -> Tensor:
    """DLMF 10.41.3, divided by its value at 0."""
    squared = (kappa / order).square()
    root = (1 + squared).sqrt()
    rise = squared / (1 + root)
    series = root[..., None] ** torch.arange(0, -3 * TERMS - 1, -1, device=kappa.device) @ _series(order, kappa.device)
    return order * (rise - (rise / 2).log1p()) - 0.5 * root.log() + series.log()


@functools.cache
def _series(order: float, device: torch.device) -> Tensor:
    r"""Coefficients of $\sum_k U_k(p) / v^k$, a polynomial in $p$ (DLMF 10.41.9), divided by its value at 1."""
    p = Polynomial([0, 1])
    term = total = Polynomial([1.0])
    for k in range(1, TERMS + 1):
        term = (p**2 * (1 - p**2) * term.deriv()) / 2 + ((1 - 5 * p**2) * term).integ() / 8
        total += term / order**k
    coefficients = torch.tensor(total.coef, dtype=torch.float64, device=device)
    return coefficients / coefficients.sum()
