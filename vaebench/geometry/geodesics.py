r"""Shortest curves of a latent space, many pairs of points at once, for any decoder.

Lengths need no Jacobian: a curve is cut into steps, and a step is as long as its image's chord (`Immersed`), or as
$\sqrt{\Delta z^\top G \Delta z}$ at its middle for a metric given as matrices (`Intrinsic`). A geodesic minimises the
energy $\int_0^1 |\dot c|^2 dt \ge L^2$ among the curves of a family, from the straight line; Yang et al. 2018,
https://arxiv.org/abs/1809.04747, Chen et al. 2018, https://arxiv.org/abs/1711.01204.

>>> found = geodesics(Immersed(immersion), a, b)  # a and b: (pairs, latent)
>>> found.length[found.trusted]

A straight line that is a stationary point, such as one over the top of a symmetric hill, stays: geodesics are locally
shortest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from vaebench.geometry.budget import fitting, footprint, joined
from vaebench.geometry.curvature import along
from vaebench.geometry.metrics import Conformal, MetricTensor, Pullback
from vaebench.geometry.minimise import minimise

Map = Callable[[Tensor], Tensor]
STABLE, LONGER, FINE = 0.01, 1.0001, 512


class Space:
    """Lengths of curves, whose points are (..., points, latent), and the connection of a metric."""

    def squares(self, points: Tensor) -> Tensor:
        """Squared length of each step, (..., points - 1)."""
        raise NotImplementedError

    def connection(self, z: Tensor, u: Tensor, v: Tensor) -> Tensor:
        r"""$\Gamma^k_{ij}(z) u^i v^j$, (..., latent); not a number where the metric is singular."""
        raise NotImplementedError

    def energy(self, points: Tensor) -> Tensor:
        r"""$\int_0^1 |\dot c|^2 dt$ of points at equal distances in time, (...)."""
        return (points.shape[-2] - 1) * self.squares(points).sum(-1)

    def length(self, points: Tensor) -> Tensor:
        r"""$\int_0^1 |\dot c| dt$, (...)."""
        return self.squares(points).sqrt().sum(-1)

    def fitting(self, points: Tensor) -> int:
        """How many curves like the first of ``points`` (curves, points, latent) are measured at a time, one or more."""
        return fitting(footprint(self.squares, points))

    def steps(self, points: Tensor) -> Tensor:
        """Lengths of the steps of curves (curves, points, latent), as many at a time as fit: (curves, points - 1)."""
        return joined((self.squares(part).sqrt() for part in points.split(self.fitting(points))), len(points))

    def speed_variation(self, points: Tensor) -> Tensor:
        """Standard deviation of the steps' lengths by their mean, (curves,): 0 at constant speed."""
        steps = self.steps(points)
        return steps.std(-1, correction=0) / steps.mean(-1)


@dataclass(frozen=True)
class Immersed(Space):
    """The pull-back of a Euclidean space by ``immersion``, (..., latent) to (..., ambient)."""

    immersion: Map

    def squares(self, points: Tensor) -> Tensor:
        return self.immersion(points).diff(dim=-2).square().sum(-1)

    def connection(self, z: Tensor, u: Tensor, v: Tensor) -> Tensor:
        r"""$J^+ \partial_u \partial_v f$, which is $G^{-1} J^\top \partial_u \partial_v f$."""
        q, r = torch.linalg.qr(Pullback(self.immersion).jacobian(z))
        z, u, v = torch.broadcast_tensors(z, u, v)
        second = along(lambda place: along(self.immersion, place, u), z, v)
        return torch.linalg.solve_triangular(r, q.mT @ second.unsqueeze(-1), upper=True).squeeze(-1)


@dataclass(frozen=True)
class Intrinsic(Space):
    r"""A metric $G$ as a function, (..., latent) to (..., latent, latent)."""

    metric: Map

    def squares(self, points: Tensor) -> Tensor:
        steps, middles = points.diff(dim=-2), 0.5 * (points[..., 1:, :] + points[..., :-1, :])
        return (steps * self._lower(middles, steps)).sum(-1)

    def connection(self, z: Tensor, u: Tensor, v: Tensor) -> Tensor:
        z, u, v = torch.broadcast_tensors(z, u, v)
        forward = along(lambda place: self._lower(place, u), z, v)
        forward = forward + along(lambda place: self._lower(place, v), z, u)
        across = torch.func.grad(lambda place: (u * self._lower(place, v)).sum())(z)
        raised, failure = torch.linalg.solve_ex(self.metric(z), 0.5 * (forward - across).unsqueeze(-1))
        return torch.where((failure > 0)[..., None], torch.nan, raised.squeeze(-1))

    def _lower(self, z: Tensor, vector: Tensor) -> Tensor:
        return (self.metric(z) @ vector.unsqueeze(-1)).squeeze(-1)


@dataclass(frozen=True)
class Scaled(Space):
    """A space whose lengths a conformal metric scales, at the middle of each step."""

    space: Space
    metric: Conformal

    def squares(self, points: Tensor) -> Tensor:
        middles = 0.5 * (points[..., 1:, :] + points[..., :-1, :])
        return (2 * self.metric.log_scale(middles)).exp() * self.space.squares(points)

    def connection(self, z: Tensor, u: Tensor, v: Tensor) -> Tensor:
        return Intrinsic(self.metric).connection(z, u, v)


def space(metric: MetricTensor, z: Tensor) -> Space:
    """Lengths by a metric, of points like ``z`` (points, latent): of images' chords where it has an immersion."""
    if isinstance(metric, Conformal):
        return Scaled(space(metric.metric, z), metric)
    immersion = metric.immersed(z)
    return Intrinsic(metric) if immersion is None else Immersed(immersion)


class Family(Protocol):
    """Curves from 0 to 0, a vector of parameters each."""

    def start(self, pairs: int, latent: int) -> Tensor:
        """Parameters (pairs, size) of curves that rest at 0."""

    def __call__(self, parameters: Tensor, t: Tensor, latent: int) -> Tensor:
        """Parameters (pairs, size) and times (points,) in [0, 1] to points (pairs, points, latent)."""


@dataclass(frozen=True)
class Spline:
    r"""Cubic splines with evenly spaced ``knots`` inside (0, 1).

    Their basis is orthonormal in $\int \dot b_i \dot b_j dt$, so that in a flat space the energy is a round bowl.
    """

    knots: int = 8

    def start(self, pairs: int, latent: int) -> Tensor:
        return torch.zeros(pairs, (self.knots + 2) * latent)

    def __call__(self, parameters: Tensor, t: Tensor, latent: int) -> Tensor:
        return self.basis(t).to(parameters) @ parameters.unflatten(-1, (-1, latent))

    def basis(self, t: Tensor) -> Tensor:
        """(points,) to (points, knots + 2), float64."""
        t, knots = t.double()[:, None], self.places.to(t.device)
        return torch.cat((t**2 - t, t**3 - t, (t - knots).relu() ** 3 - t * (1 - knots) ** 3), 1) @ self.mix.to(t)

    @cached_property
    def places(self) -> Tensor:
        return torch.arange(1, self.knots + 1, dtype=torch.float64) / (self.knots + 1)

    @cached_property
    def mix(self) -> Tensor:
        """What makes the truncated powers' derivatives orthonormal."""
        count = 100 * (self.knots + 1)
        t = (torch.arange(count, dtype=torch.float64)[:, None] + 0.5) / count
        slopes = torch.cat((2 * t - 1, 3 * t**2 - 1, 3 * (t - self.places).relu() ** 2 - (1 - self.places) ** 3), 1)
        return torch.linalg.qr(slopes / count**0.5).R.inverse()


@dataclass(frozen=True)
class Network:
    r"""$t (1 - t) g(t)$ with a perceptron $g$ for each pair, of one hidden layer of tanh, at first 0."""

    hidden: int = 16

    def start(self, pairs: int, latent: int) -> Tensor:
        slopes = torch.full((self.hidden,), 0.5 * self.hidden)
        middles = (torch.arange(self.hidden) + 0.5) / self.hidden
        outputs = torch.zeros((self.hidden + 1) * latent)
        return torch.cat((slopes, -slopes * middles, outputs)).repeat(pairs, 1)

    def __call__(self, parameters: Tensor, t: Tensor, latent: int) -> Tensor:
        slope, shift, weight, bias = parameters.split((self.hidden, self.hidden, self.hidden * latent, latent), -1)
        times = t.to(parameters)[:, None]
        hidden = torch.tanh(times * slope[:, None] + shift[:, None])
        return times * (1 - times) * (hidden @ weight.unflatten(-1, (self.hidden, latent)) + bias[:, None])


@dataclass(frozen=True)
class Geodesics:
    """Curves from ``a`` to ``b`` (pairs, latent); what follows is (pairs,).

    ``length`` and ``line_length``, the straight line's, are extrapolated from two resolutions, ``energy`` and
    ``line_energy`` are of the finer one. ``straight``: no curve was found of less energy that is not longer than the
    line (but for 0.01 %, the steps' error), so the line stands in. ``converged``: the minimisation came to rest.
    ``stable``: doubling the resolution changes the length by at most 1 %, and so does cutting the curve into 512 steps
    whose ends lie off that grid, so that no bump wider than 1/256 of the time is overlooked.
    """

    a: Tensor
    b: Tensor
    parameters: Tensor
    family: Family
    length: Tensor
    energy: Tensor
    line_length: Tensor
    line_energy: Tensor
    straight: Tensor
    converged: Tensor
    stable: Tensor

    @property
    def trusted(self) -> Tensor:
        """Converged and stable, (pairs,)."""
        return self.converged & self.stable

    def curve(self, t: Tensor) -> Tensor:
        """Points (pairs, points, latent) at times (points,) in [0, 1]."""
        return _curve(self.family, self.parameters, self.a, self.b, t)


def line(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Straight lines from ``a`` to ``b`` (..., latent) at times (points,): (..., points, latent)."""
    return torch.lerp(a.unsqueeze(-2), b.unsqueeze(-2), t.to(a)[:, None])


def geodesics(
    space: Space,
    a: Tensor,
    b: Tensor,
    family: Family | None = None,
    *,
    segments: int = 32,
    tolerance: float = 3e-6,
    evaluations: int = 300,
) -> Geodesics:
    """Geodesics from ``a`` to ``b``, both (pairs, latent), with nothing random; ``family`` is `Spline` if not given.

    ``segments`` steps are minimised over, ``tolerance`` is of the energy and relative, ``evaluations`` of the energy
    are the most for a pair, and as many pairs as fit are solved at a time. A pair's result does not depend on others.
    """
    family = family or Spline()
    most = space.fitting(line(a[:1], b[:1], torch.linspace(0, 1, segments + 1)))
    parts = [
        _solve(space, *ends, family, segments, tolerance, evaluations)
        for ends in zip(a.split(most), b.split(most), strict=True)
    ]
    return Geodesics(a=a, b=b, family=family, **{name: torch.cat([part[name] for part in parts]) for name in parts[0]})


@torch.no_grad()
def _solve(
    space: Space, a: Tensor, b: Tensor, family: Family, segments: int, tolerance: float, evaluations: int
) -> dict[str, Tensor]:
    times = torch.linspace(0, 1, 2 * segments + 1, dtype=torch.float64, device=a.device)
    start = family.start(*a.shape).to(a)
    unit = space.energy(line(a, b, times[::2]))
    unit = torch.where(unit == 0, 1, unit)

    def relative(parameters: Tensor, rows: Tensor) -> Tensor:
        return space.energy(_curve(family, parameters, a[rows], b[rows], times[::2])) / unit[rows]

    found, converged = minimise(relative, start, scale=0.5, tolerance=tolerance, evaluations=evaluations)
    bent, flat = (_measure(space, _curve(family, parameters, a, b, times)) for parameters in (found, start))
    straight = ~((bent["energy"] < flat["energy"]) & (bent["length"] <= LONGER * flat["length"]))
    chosen = {name: torch.where(straight, flat[name], bent[name]) for name in bent}
    parameters = torch.where(straight[:, None], start, found)
    finely = _curve(family, parameters, a, b, _off_grid(times))
    elsewhere = space.steps(finely).sum(-1)
    chosen["stable"] &= (elsewhere - chosen["length"]).abs() <= STABLE * elsewhere
    return {
        **chosen,
        "parameters": parameters,
        "line_length": flat["length"],
        "line_energy": flat["energy"],
        "straight": straight,
        "converged": converged,
    }


def _measure(space: Space, points: Tensor) -> dict[str, Tensor]:
    coarse, fine = space.length(points[..., ::2, :]), space.length(points)
    stable = (fine - coarse).abs() <= STABLE * fine
    return {"length": fine + (fine - coarse) / 3, "energy": space.energy(points), "stable": stable}


def _off_grid(times: Tensor) -> Tensor:
    """0, a time within each of `FINE` equal parts of [0, 1], and 1: by multiples of the golden ratio, as no grid is."""
    parts = torch.arange(FINE, dtype=times.dtype, device=times.device)
    within = (parts + (parts + 1) * (5**0.5 - 1) / 2 % 1) / FINE
    return torch.cat((times[:1], within, times[-1:]))


def _curve(family: Family, parameters: Tensor, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    size = (b - a).norm(dim=-1)[:, None, None]
    return line(a, b, t) + size * family(parameters, t, a.shape[-1])
