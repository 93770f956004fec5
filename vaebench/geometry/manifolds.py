r"""The manifolds that latents lie on, each in coordinates $y$ in which its own straight lines are straight.

A pull-back is compared with the latent space's own metric, hence the singular values of a decoder are taken along a
``frame`` of unit vectors of that metric. The frame of a Euclidean space is that of the codes' covariance, whose scale
is what an autoencoder leaves open, along the directions that codes use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from vaebench.errors import Missing

ACTIVE = 0.01


class Ball(Protocol):
    """The Poincare ball of curvature $-c$ as open ball of radius 1 / ``root``."""

    @property
    def curvature(self) -> float: ...
    @property
    def root(self) -> float: ...
    def distance(self, x: Tensor, y: Tensor) -> Tensor: ...


class Manifold:
    """Maps between latents $z$ (..., latent) and coordinates $y$ (..., coordinates) of a flavour's latent space."""

    axes = "latent 1", "latent 2"

    @property
    def dimension(self) -> int:
        """How many directions there are at a point."""
        raise NotImplementedError

    def latents(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def coordinates(self, z: Tensor) -> Tensor:
        raise NotImplementedError

    def frame(self, y: Tensor) -> Tensor:
        """Orthonormal tangents (..., coordinates, dimension) in the latent space's own metric."""
        raise NotImplementedError

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """The latent space's own distance of latents, (..., latent) to (...)."""
        raise NotImplementedError

    def radial(self, y: Tensor) -> Tensor:
        """Further coordinates of an immersion, (..., more), that make it regular where $y$ has too many."""
        return y[..., :0]

    def chart(self, z: Tensor) -> Tensor:
        """Where a figure of a two-dimensional latent space shows latents, (..., 2)."""
        return z

    def place(self, chart: Tensor) -> Tensor:
        """Coordinates $y$ of points of the figure, (..., 2) to (..., coordinates); not a number outside."""
        return self.coordinates(chart)

    def window(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """The corners of the part of the figure that codes (points, 2) fill."""
        low, high = codes.amin(0), codes.amax(0)
        margin = 0.1 * (high - low)
        return low - margin, high + margin


@dataclass(frozen=True)
class Euclidean(Manifold):
    r"""$z = c + B y$: in coordinates $y$, codes have mean 0 and covariance 1."""

    centre: Tensor
    basis: Tensor

    @classmethod
    def of(cls, codes: Tensor, unit: bool) -> Euclidean:
        """The directions in which codes (points, latent) vary by more than 1 % of the largest variance.

        Where the prior's variance is 1 (``unit``), a hundredth of that is the least (Burda et al. 2016, section 5.2).
        Raises `Missing` if there is none.
        """
        covariance = torch.atleast_2d(codes.double().T.cov())
        variances, directions = torch.linalg.eigh(covariance)
        used = variances > ACTIVE * (1.0 if unit else float(variances[-1]))
        if not used.any():
            raise Missing("no latent direction is active: all images have nearly the same code")
        return cls(codes.mean(0), (directions * variances.sqrt())[:, used])

    @property
    def dimension(self) -> int:
        return self.basis.shape[1]

    def latents(self, y: Tensor) -> Tensor:
        return self.centre.to(y) + y @ self.basis.to(y).mT

    def coordinates(self, z: Tensor) -> Tensor:
        return (z - self.centre.to(z)) @ torch.linalg.pinv(self.basis.double()).mT.to(z)

    def frame(self, y: Tensor) -> Tensor:
        return torch.eye(self.dimension, dtype=y.dtype, device=y.device).expand(*y.shape, -1)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).norm(dim=-1)


@dataclass(frozen=True)
class Sphere(Manifold):
    """Unit vectors; any positive multiple of one stands for it."""

    latent: int
    axes = "longitude", "latitude"

    @property
    def dimension(self) -> int:
        return self.latent

    def latents(self, y: Tensor) -> Tensor:
        return F.normalize(y, dim=-1)

    def coordinates(self, z: Tensor) -> Tensor:
        return z

    def frame(self, y: Tensor) -> Tensor:
        """The columns of the Householder reflection that takes the last axis to the point, but for the last."""
        last = torch.where(y[..., -1:] > 0, -1.0, 1.0).to(y)
        mirror = F.normalize(torch.cat((y[..., :-1], y[..., -1:] - last), -1), dim=-1)
        unit = torch.eye(y.shape[-1], dtype=y.dtype, device=y.device)
        return (unit - 2 * mirror[..., :, None] * mirror[..., None, :])[..., :-1]

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        return 2 * torch.atan2((a - b).norm(dim=-1), (a + b).norm(dim=-1))

    def radial(self, y: Tensor) -> Tensor:
        """The logarithm of the radius: the immersion is then of the product of the sphere and a line."""
        return y.norm(dim=-1, keepdim=True).log()

    def chart(self, z: Tensor) -> Tensor:
        if self.dimension != 2:
            return z
        return torch.stack((torch.atan2(z[..., 1], z[..., 0]), z[..., 2].clamp(-1, 1).asin()), -1)

    def place(self, chart: Tensor) -> Tensor:
        longitude, latitude = chart.unbind(-1)
        ring = latitude.cos()
        return torch.stack((ring * longitude.cos(), ring * longitude.sin(), latitude.sin()), -1)

    def window(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        corner = codes.new_tensor((math.pi, 0.49 * math.pi))
        return -corner, corner


@dataclass(frozen=True)
class Hyperbolic(Manifold):
    r"""The Poincare ball in Beltrami and Klein's coordinates $y = 2z / (1 + c |z|^2)$, whose lines are geodesics."""

    ball: Ball
    latent: int

    @property
    def dimension(self) -> int:
        return self.latent

    def latents(self, y: Tensor) -> Tensor:
        return y / (1 + self._gap(y).sqrt())

    def coordinates(self, z: Tensor) -> Tensor:
        return 2 * z / (1 + self.ball.curvature * z.square().sum(-1, keepdim=True))

    def frame(self, y: Tensor) -> Tensor:
        r"""The root of $G^{-1} = w (1 - c\,y y^\top)$ with $w = 1 - c |y|^2$."""
        root = self._gap(y).sqrt()[..., None]
        along = F.normalize(y, dim=-1)
        unit = torch.eye(y.shape[-1], dtype=y.dtype, device=y.device)
        return root * (unit - (1 - root) * along[..., :, None] * along[..., None, :])

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        return self.ball.distance(a, b)

    def place(self, chart: Tensor) -> Tensor:
        inside = self.ball.curvature * chart.square().sum(-1, keepdim=True) < 1
        return torch.where(inside, self.coordinates(chart), torch.nan)

    def window(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        corner = codes.new_full((2,), 1 / self.ball.root)
        return -corner, corner

    def _gap(self, y: Tensor) -> Tensor:
        return 1 - self.ball.curvature * y.square().sum(-1, keepdim=True)


def space_of(q: Any) -> str:
    """What latents of an encoder's distribution lie in, as it declares by ``space``: one of

    "euclidean" (where it declares nothing), "sphere" (unit vectors), "ball" (the Poincare one, given by its ``ball``),
    or "discrete" (codes with nothing between them).
    """
    return getattr(q, "space", "euclidean")


def manifold(q: Any, codes: Tensor, unit: bool) -> Manifold:
    """The manifold of an encoder's distribution ``q``, whose means are ``codes`` (points, latent).

    ``unit``: the prior's variance is 1. Raises `Missing` if no direction is active.
    """
    if space_of(q) == "sphere":
        return Sphere(codes.shape[-1] - 1)
    if space_of(q) == "ball":
        return Hyperbolic(q.ball, codes.shape[-1])
    return Euclidean.of(codes, unit)
