r"""The Poincare ball: hyperbolic space of curvature $-c$ as the open ball of radius $1/\sqrt c$.

Ganea et al. 2018, https://arxiv.org/abs/1805.09112, section 2. Tangent vectors are written in the orthonormal frame
$(\partial_i / \lambda_x)$ with $\lambda_x = 2 / (1 - c|x|^2)$, so the norm of a vector is the length of its geodesic;
points and vectors are (..., latent). With $c \to 0$ the ball becomes Euclidean space at half scale: lengths are $2|z|$.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Ball:
    """``curvature`` is $c > 0$."""

    curvature: float

    @property
    def root(self) -> float:
        return math.sqrt(self.curvature)

    def reach(self, dtype: torch.dtype) -> float:
        """Length of the longest geodesics from the centre whose ends the dtype resolves."""
        return math.log(2 / rim(dtype)) / self.root

    def exp(self, origin: Tensor, vector: Tensor) -> Tensor:
        """The end of the geodesic from ``origin`` along ``vector``, or a point nearer to the centre within `reach`."""
        return self.inside(self.add(origin, self.from_centre(vector)))

    def from_centre(self, vector: Tensor) -> Tensor:
        half = 0.5 * self.root * norm(vector)
        return vector * (0.5 * half.tanh() / half)

    def log(self, origin: Tensor, point: Tensor) -> Tensor:
        """The vector at ``origin`` whose geodesic ends at ``point``."""
        step = point - origin
        gap, scale = self.curvature * squared(step), 1 - self.curvature * squared(origin)
        product = scale * (1 - self.curvature * squared(point))
        ratio = (gap / product).clamp(min=torch.finfo(gap.dtype).eps)
        factor = 2 * ratio.sqrt().asinh() / (product * (ratio * (1 + ratio)).sqrt())
        return (scale * step - gap * origin) * factor

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """Moebius addition."""
        inner = 1 + 2 * self.curvature * (x * y).sum(-1, keepdim=True)
        xx, yy = self.curvature * squared(x), self.curvature * squared(y)
        return ((inner + yy) * x + (1 - xx) * y) / (inner + xx * yy)

    def inside(self, point: Tensor) -> Tensor:
        """Points beyond `reach`, drawn back."""
        radius = (1 - rim(point.dtype)) / self.root
        return point * (radius / norm(point)).clamp(max=1)

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Length of the geodesic, shape (...)."""
        product = (1 - self.curvature * squared(x)) * (1 - self.curvature * squared(y))
        return 2 / self.root * (self.root * norm(x - y) / product.sqrt()).asinh().squeeze(-1)

    def log_volume(self, vector: Tensor) -> Tensor:
        r"""Log density of the volume at the end of a vector by that of the tangent space at its start, shape (...)."""
        return (vector.shape[-1] - 1) * log_sinhc(self.root * norm(vector)).squeeze(-1)


def rim(dtype: torch.dtype) -> float:
    """The least distance to the rim of a ball of radius 1 that keeps a quarter of the dtype's digits."""
    return torch.finfo(dtype).eps ** 0.75


def squared(vector: Tensor) -> Tensor:
    return vector.square().sum(-1, keepdim=True)


def norm(vector: Tensor) -> Tensor:
    """Norm (..., 1), at least the square root of the dtype's epsilon: even functions of it are smooth at zero."""
    return squared(vector).clamp(min=torch.finfo(vector.dtype).eps).sqrt()


def log_sinhc(x: Tensor) -> Tensor:
    r"""$\log(\sinh(x) / x)$ for $x > 0$, without overflow."""
    return x + (-(-2 * x).expm1() / (2 * x)).log()


class Gyroplanes(nn.Module):
    r"""A linear layer's counterpart: signed distances to hyperplanes of the ball, (..., latent) to (..., outputs).

    Shimizu et al. 2021, https://arxiv.org/abs/2006.08210, equation 6, which writes the layer of Ganea et al. without
    spare parameters. A plane lies at the distance ``bias`` from the centre, across ``weight``, whose norm scales the
    output: as $c \to 0$ that is $w \cdot 2z + |w| b$. Both start as those of ``linear``.
    """

    def __init__(self, ball: Ball, linear: nn.Linear) -> None:
        super().__init__()
        self.ball, self.weight, self.bias = ball, linear.weight, linear.bias

    def forward(self, z: Tensor) -> Tensor:
        root, size = self.ball.root, norm(self.weight)[:, 0]
        offset = root * self.bias
        conformal = 2 / (1 - self.ball.curvature * squared(z))
        rise = conformal * root * (z @ (self.weight / size[:, None]).mT)
        return size / root * (rise * offset.cosh() + (conformal - 1) * offset.sinh()).asinh()
