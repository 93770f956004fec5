"""Priors in the coordinates that their latents are integrated over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vaebench import random
from vaebench.errors import Missing
from vaebench.flavours.priors.two_layer_vae import Hierarchical
from vaebench.model.distributions.codes import Codes, Refined
from vaebench.model.distributions.flowed import Flowed
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.distributions.hyperbolic import Riemannian, Wrapped
from vaebench.model.distributions.mixture import Mixture
from vaebench.model.distributions.von_mises_fisher import UniformSphere
from vaebench.samplers.catalogue.gaussian_mixture import FullMixture


@dataclass(frozen=True)
class Continuous:
    r"""A prior as the law of $T(u)$, $u$ (..., size) of a law ``base`` that has a density and draws.

    ``latents`` is $T$, and ``inverse``, which is None where $T$ has none, maps latents back to their $u$. Where the
    coordinates are bounded, ``box`` holds the least and the largest, (size,) both.
    """

    size: int
    base: Any
    latents: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor] | None
    box: tuple[Tensor, Tensor] | None = None

    def draw(self, *shape: int) -> Tensor:
        """Coordinates (*shape, size) of the prior."""
        return self.base.rsample(torch.Size(shape))


@dataclass(frozen=True)
class Discrete:
    """A uniform prior over indices (..., positions) of ``codes`` each; ``latents`` maps them to ones as ``like``."""

    positions: int
    codes: int
    latents: Callable[[Tensor], Tensor]
    like: Tensor

    @property
    def count(self) -> int:
        """How many latents there are."""
        return self.codes**self.positions

    def draw(self, *shape: int) -> Tensor:
        """Indices (*shape, positions) of the prior."""
        return (random.uniform((*shape, self.positions), self.like) * self.codes).long()


@singledispatch
def coordinates(prior: Any) -> Continuous | Discrete:
    """Those of a prior; raises `Missing` for one of another kind."""
    raise Missing(f"its evidence takes a prior that can be integrated over, and '{type(prior).__name__}' is not known")


@coordinates.register(Gaussian | Mixture | FullMixture)
def _itself(prior: Any) -> Continuous:
    return Continuous(prior.event_shape[0], prior, _same, _same)


@coordinates.register
def _flowed(prior: Flowed) -> Continuous:
    return Continuous(
        prior.event_shape[0],
        prior.base,
        lambda u: prior.flow(u, prior.context)[0],
        lambda z: prior.flow.inverse(z, prior.context)[0],
    )


@coordinates.register
def _hierarchical(prior: Hierarchical) -> Continuous:
    """Both layers' noise."""
    top = prior.top.event_shape[0]

    def latents(u: Tensor) -> Tensor:
        given = prior.down(prior.top.mean + prior.top.stddev * u[..., :top])
        return given.mean + given.stddev * u[..., top:]

    size = top + prior.event_shape[0]
    return Continuous(size, _noise(size, prior.top.mean), latents, None)


@coordinates.register
def _wrapped(prior: Wrapped) -> Continuous:
    """The tangent vector at the mean."""
    return Continuous(
        prior.event_shape[0],
        prior.vector,
        lambda u: prior.ball.exp(prior.location, u),
        lambda z: prior.ball.log(prior.location, z),
    )


@coordinates.register
def _riemannian(prior: Riemannian) -> Continuous:
    return Continuous(
        prior.event_shape[0],
        Tangent(prior),
        lambda u: prior.ball.exp(prior.location, u),
        lambda z: prior.ball.log(prior.location, z),
    )


class Tangent:
    """The law of the tangent vector at a Riemannian normal's mean, whose geodesic ends at a draw."""

    def __init__(self, law: Riemannian) -> None:
        self.law = law

    def rsample(self, shape: torch.Size) -> Tensor:
        return self.law.ball.log(self.law.location, self.law.rsample(shape))

    def log_prob(self, u: Tensor) -> Tensor:
        """Log density in nats with respect to the volume of the tangent space, shape (...)."""
        precision = (-2 * self.law.log_std).exp().to(u.dtype)
        normaliser = self.law.log_normaliser.to(u.dtype)
        return self.law.ball.log_volume(u) - 0.5 * precision * u.square().sum(-1) - normaliser


@coordinates.register
def _sphere(prior: UniformSphere) -> Continuous:
    r"""$z = u / |u|$ of normal noise, but the angles of a circle and of a sphere of two dimensions."""
    size, zero = prior.event_shape[0], prior.zero
    if size > 3:
        return Continuous(size, _noise(size, zero), lambda u: F.normalize(u, dim=-1), _same)
    box = zero.new_tensor([0, -math.pi][3 - size :]), zero.new_full((size - 1,), math.pi)
    return Continuous(size - 1, Angles(prior), from_angles, to_angles, box)


class Angles:
    """The law of the angles of a uniform draw: the azimuth, and before it, if there are two, the one to the pole."""

    def __init__(self, law: UniformSphere) -> None:
        self.law = law

    def rsample(self, shape: torch.Size) -> Tensor:
        return to_angles(self.law.rsample(shape))

    def log_prob(self, u: Tensor) -> Tensor:
        """Log density in nats within the box, shape (...)."""
        return (u[..., :-1].sin() / 2).log().sum(-1) - math.log(2 * math.pi)


def from_angles(u: Tensor) -> Tensor:
    """Unit vectors (..., size + 1) of angles (..., size), size 1 or 2."""
    circle = torch.stack((u[..., -1].cos(), u[..., -1].sin()), -1)
    return torch.cat((u[..., :-1].cos(), u[..., :-1].sin() * circle), -1) if u.shape[-1] == 2 else circle


def to_angles(z: Tensor) -> Tensor:
    azimuth = torch.atan2(z[..., -1:], z[..., -2:-1])
    return torch.cat((z[..., :-2].clamp(-1, 1).acos(), azimuth), -1)


@coordinates.register
def _codes(prior: Codes) -> Discrete:
    return Discrete(
        prior.positions, len(prior.codebook), lambda index: prior.codebook[index].flatten(-2), prior.codebook
    )


@coordinates.register
def _refined(prior: Refined) -> Discrete:
    """A code of every level; raises `Missing` while training still leaves levels out."""
    if prior.dropout > 0:
        raise Missing("its latents are of random depth, as in training")
    levels, codes, _ = prior.codebooks.shape
    level = torch.arange(levels, device=prior.codebooks.device)
    return Discrete(levels, codes, lambda index: prior.codebooks[level, index].sum(-2), prior.codebooks)


def _noise(size: int, like: Tensor) -> Gaussian:
    zero = like.new_zeros(size)
    return Gaussian(zero, zero)


def _same(u: Tensor) -> Tensor:
    return u
