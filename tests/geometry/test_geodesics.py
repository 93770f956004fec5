"""Geodesics, graphs, exponential maps and parallel transport on surfaces whose answers are known."""

from __future__ import annotations

import itertools
import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.interpolate import CubicSpline
from scipy.optimize import rosen
from torch import Tensor, nn

from vaebench import random
from vaebench.flavours.gaussian.vae import vae
from vaebench.geometry import budget, graph
from vaebench.geometry.budget import footprint
from vaebench.geometry.curvature import along
from vaebench.geometry.geodesics import Geodesics, Immersed, Intrinsic, Map, Network, Space, Spline, geodesics, line
from vaebench.geometry.metrics import immersion, metric
from vaebench.geometry.minimise import _product, minimise
from vaebench.geometry.transport import exponential, transport
from vaebench.model.likelihoods.bernoulli import bernoulli
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.model.spaces.poincare import Ball
from vaebench.model.spaces.riemannian_metric import RiemannianMetric

TIGHT = {"tolerance": 1e-9, "segments": 64}
pytestmark = pytest.mark.usefixtures("float64")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return random.Stream(torch.tensor(random.key(seed, "geodesics"))).normal(shape, torch.float64)


def sphere(z: Tensor) -> Tensor:
    """Radius 1, by stereographic projection from the pole: (..., d) to (..., d + 1)."""
    square = z.square().sum(-1, keepdim=True)
    return torch.cat((2 * z, square - 1), -1) / (square + 1)


def projected(x: Tensor) -> Tensor:
    """The inverse of `sphere`."""
    return x[..., :-1] / (1 - x[..., -1:])


def round_metric(z: Tensor) -> Tensor:
    size = z.square().sum(-1)[..., None, None]
    return 4 / (1 + size) ** 2 * torch.eye(z.shape[-1])


def half_plane(z: Tensor) -> Tensor:
    return torch.eye(2) / z[..., 1, None, None] ** 2


def roll(z: Tensor) -> Tensor:
    angle, height = z.unbind(-1)
    return torch.stack((angle * angle.cos(), angle * angle.sin(), height), -1)


def unrolled(z: Tensor) -> Tensor:
    angle, height = z.unbind(-1)
    return torch.stack((0.5 * (angle * (1 + angle**2).sqrt() + angle.asinh()), height), -1)


def torus(z: Tensor) -> Tensor:
    u, v = z.unbind(-1)
    ring = 2 + v.cos()
    return torch.stack((ring * u.cos(), ring * u.sin(), v.sin()), -1)


def cylinder(z: Tensor) -> Tensor:
    return torch.stack((z[..., 0].cos(), z[..., 0].sin(), z[..., 1]), -1)


def network(latent: int, ambient: int = 12) -> Map:
    """A smooth decoder far from isometric."""
    weights = normal(latent, 16, seed=5), normal(16, ambient, seed=6)
    return lambda z: (z @ weights[0]).tanh() @ weights[1]


def norm(space: Space, z: Tensor, vector: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Length of tangent vectors, from the length of a tiny step: independent of any derivative."""
    return (
        space.length(line(z - 0.5 * epsilon * vector, z + 0.5 * epsilon * vector, torch.tensor([0.0, 1.0]))) / epsilon
    )


# Geodesics


@pytest.mark.parametrize("latent", [2, 3, 10])
@pytest.mark.parametrize("space", [Immersed(sphere), Intrinsic(round_metric)], ids=["immersed", "explicit"])
def test_great_circles(space: Space, latent: int) -> None:
    a, b = 0.7 * normal(2, 12, latent) / math.sqrt(latent / 2)
    found = geodesics(space, a, b, **TIGHT)
    angles = (sphere(a) * sphere(b)).sum(-1).acos()
    torch.testing.assert_close(found.length, angles, rtol=2e-6, atol=0)
    torch.testing.assert_close(found.energy, angles**2, rtol=2e-4, atol=0)
    assert found.trusted.all() and not found.straight.any()
    assert (found.line_length > found.length).all()
    points = found.curve(torch.linspace(0, 1, 65))
    torch.testing.assert_close(points[:, 0], a)
    torch.testing.assert_close(points[:, -1], b)
    assert (
        space.speed_variation(points).max() < 0.01 < space.speed_variation(line(a, b, torch.linspace(0, 1, 65))).max()
    )
    plane = torch.linalg.qr(torch.stack((sphere(a), sphere(b)), -1)).Q
    images = sphere(points).mT
    torch.testing.assert_close(plane @ (plane.mT @ images), images, rtol=0, atol=2e-3)  # in the plane of a great circle


def test_defaults_are_within_a_thousandth_and_a_network_finds_the_same() -> None:
    a, b = 0.7 * normal(2, 12, 3)
    angles = (sphere(a) * sphere(b)).sum(-1).acos()
    for dtype, family in itertools.product((torch.float64, torch.float32), (Spline(), Network())):
        found = geodesics(Immersed(sphere), a.to(dtype), b.to(dtype), family)
        assert found.length.dtype == dtype and found.trusted.all()
        torch.testing.assert_close(found.length.double(), angles, rtol=1e-3, atol=0)


def test_hyperbolic_distances() -> None:
    a, b = normal(2, 12, 2).unbind(0)
    a[:, 1], b[:, 1] = a[:, 1].mul(0.5).exp(), b[:, 1].mul(0.5).exp()
    found = geodesics(Intrinsic(half_plane), a, b, **TIGHT)
    expected = (1 + (b - a).square().sum(-1) / (2 * a[:, 1] * b[:, 1])).acosh()
    torch.testing.assert_close(found.length, expected, rtol=1e-5, atol=0)
    assert found.trusted.all()

    ball = Ball(1.0)
    space = Intrinsic(lambda z: 4 / (1 - z.square().sum(-1)[..., None, None]) ** 2 * torch.eye(4))
    a, b = 0.25 * normal(2, 8, 4)
    torch.testing.assert_close(geodesics(space, a, b, **TIGHT).length, ball.distance(a, b), rtol=1e-5, atol=0)


@pytest.mark.parametrize(("surface", "flat"), [(cylinder, lambda z: z), (roll, unrolled)], ids=["cylinder", "roll"])
def test_surfaces_that_unroll(surface: Map, flat: Map) -> None:
    a, b = normal(2, 10, 2) + torch.tensor([6.0, 0.0])
    found = geodesics(Immersed(surface), a, b, **TIGHT)
    torch.testing.assert_close(found.length, (flat(b) - flat(a)).norm(dim=-1), rtol=1e-5, atol=0)
    assert found.trusted.all()
    ends = line(flat(a), flat(b), torch.linspace(0, 1, 9))  # a straight line at constant speed, once unrolled
    torch.testing.assert_close(flat(found.curve(torch.linspace(0, 1, 9))), ends, rtol=0, atol=0.02)


@pytest.mark.parametrize("space", [Immersed(torus), Immersed(network(2))], ids=["torus", "network"])
def test_geodesics_and_exponentials_are_inverse(space: Space) -> None:
    z, velocity = normal(8, 2, seed=1), 0.5 * normal(8, 2, seed=2)
    end, arrival = exponential(space, z, velocity, steps=64)
    found = geodesics(space, z, end, Spline(12), **TIGHT)
    torch.testing.assert_close(found.length, norm(space, z, velocity), rtol=1e-4, atol=0)
    torch.testing.assert_close(norm(space, end, arrival), norm(space, z, velocity), rtol=1e-5, atol=0)  # constant speed


def test_an_affine_decoder_has_straight_geodesics() -> None:
    matrix = normal(3, 7)
    a, b = normal(2, 5, 3, seed=1)
    found = geodesics(Immersed(lambda z: z @ matrix + 2), a, b)
    assert found.straight.all() and found.trusted.all()
    torch.testing.assert_close(found.length, ((b - a) @ matrix).norm(dim=-1), rtol=1e-12, atol=0)
    times = torch.linspace(0, 1, 5)
    torch.testing.assert_close(found.curve(times), line(a, b, times), rtol=0, atol=0)


def test_lengths_do_not_depend_on_coordinates() -> None:
    def warped(z: Tensor) -> Tensor:
        return torch.stack((z[..., 0].sinh(), z[..., 1] + 0.5 * z[..., 0] ** 2), -1)

    y = 0.6 * normal(2, 8, 2)
    for surface in (sphere, network(2)):
        one = geodesics(Immersed(lambda y, surface=surface: surface(warped(y))), *y, **TIGHT)
        other = geodesics(Immersed(surface), *warped(y), **TIGHT)
        torch.testing.assert_close(one.length, other.length, rtol=1e-4, atol=0)
        assert (one.line_length - other.line_length).abs().max() > 0.01


def test_a_latent_of_one_dimension_has_one_curve() -> None:
    space = Immersed(lambda z: torch.cat((z, z**2, (3 * z).sin()), -1))
    a, b = normal(2, 4, 1)
    found = geodesics(space, a, b, **TIGHT)
    for start, end, length in zip(a, b, found.length, strict=True):
        exact = abs(quad(lambda s: math.sqrt(1 + 4 * s * s + 9 * math.cos(3 * s) ** 2), start.item(), end.item())[0])
        assert length.item() == pytest.approx(exact, rel=1e-5)
    torch.testing.assert_close(found.line_length, found.length, rtol=1e-5, atol=0)


@pytest.mark.parametrize("family", [Spline(), Network()], ids=["spline", "network"])
def test_coincident_ends_and_constant_decoders_have_length_zero(family: Spline | Network) -> None:
    a = normal(4, 3)
    same = geodesics(Immersed(sphere), a, a.clone(), family)
    collapsed = geodesics(Immersed(lambda z: 0 * z + 1), a, a + 1, family)
    for found in (same, collapsed):
        assert (found.length == 0).all() and (found.line_length == 0).all() and (found.energy == 0).all()
        assert found.straight.all() and found.trusted.all()
        assert found.curve(torch.linspace(0, 1, 3)).isfinite().all()


def test_what_cannot_be_trusted_is_flagged() -> None:
    a, b = 0.7 * normal(2, 4, 2)
    hurried = geodesics(Immersed(sphere), a, b, evaluations=2)
    assert not hurried.converged.any() and hurried.stable.all() and not hurried.trusted.any()
    assert (hurried.length <= hurried.line_length).all()
    rough = geodesics(Immersed(lambda z: torch.cat((z, (300 * z).sin()), -1)), a, b, evaluations=20)
    assert not rough.stable.any()
    broken = geodesics(Immersed(lambda z: torch.where(z < 1e9, torch.nan, z)), a, b)
    assert not broken.trusted.any() and broken.straight.all() and broken.length.isnan().all()


def test_a_worse_curve_gives_way_to_the_line() -> None:
    class Coupled:  # a more even speed only by a detour
        def start(self, pairs: int, latent: int) -> Tensor:
            return torch.zeros(pairs, 1)

        def __call__(self, parameters: Tensor, t: Tensor, latent: int) -> Tensor:
            return (parameters * t * (1 - t))[..., None].expand(-1, -1, latent)

    space = Immersed(lambda z: torch.stack(((3 * z[..., 0]).exp(), z[..., 1]), -1))
    a, b = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
    found = geodesics(space, a, b, Coupled())
    assert found.converged.all() and found.straight.all()
    assert found.length == found.line_length and found.energy == found.line_energy
    times = torch.linspace(0, 1, 5)
    torch.testing.assert_close(found.curve(times), line(a, b, times), rtol=0, atol=0)
    free = geodesics(space, a, b)
    assert not free.straight.any() and free.line_energy > 1.5 * free.energy  # the same image, now at constant speed
    torch.testing.assert_close(free.energy, free.length**2, rtol=1e-3, atol=0)
    torch.testing.assert_close(free.length, torch.tensor([math.exp(3) - 1]), rtol=1e-4, atol=0)


def test_pairs_do_not_depend_on_their_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    def partial(z: Tensor) -> Tensor:  # nothing is known beyond 50
        return torch.where(z.abs().amax(-1, keepdim=True) < 50, network(2)(z), torch.nan)

    a, b = normal(2, 6, 2)
    ends = torch.cat((a, torch.full((1, 2), 99.0))), torch.cat((b, torch.zeros(1, 2)))
    together = geodesics(Immersed(partial), *ends)
    monkeypatch.setattr(
        budget, "NUMBERS", 2 * footprint(Immersed(partial).squares, line(*ends, torch.linspace(0, 1, 33)))
    )
    assert together.length[-1].isnan() and together.trusted[:-1].all()
    for split in (geodesics(Immersed(partial), *ends), _each(Immersed(partial), *ends)):
        for name in ("length", "energy", "parameters", "straight", "converged", "stable"):
            one, other = getattr(together, name), getattr(split, name)
            torch.testing.assert_close(one.double(), other.double(), rtol=1e-9, atol=1e-9, equal_nan=True)


def _each(space: Space, a: Tensor, b: Tensor) -> Geodesics:
    alone = [geodesics(space, *pair) for pair in zip(a.split(1), b.split(1), strict=True)]
    tensors = {
        f.name: torch.cat([getattr(one, f.name) for one in alone]) for f in fields(Geodesics) if f.name != "family"
    }
    return Geodesics(family=alone[0].family, **tensors)


def test_a_learned_metric_bends_towards_its_centroids() -> None:
    factors = 2 * torch.eye(2).repeat(9, 1, 1)
    angles = torch.linspace(0, math.pi, 9)
    learned = RiemannianMetric(torch.stack((angles.cos(), angles.sin()), -1), factors, width=0.4, floor=0.05)
    found = geodesics(Intrinsic(learned), torch.tensor([[-1.0, 0.0]]), torch.tensor([[1.0, 0.0]]), evaluations=1000)
    assert found.trusted.all() and found.length < 0.8 * found.line_length
    assert found.curve(torch.tensor([0.5]))[0, 0, 1] > 0.5  # along the arc of centroids, not across


def test_no_gradient_of_a_decoder_is_left_behind() -> None:
    decoder = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 5))
    with torch.no_grad():
        found = geodesics(Immersed(decoder), *normal(2, 3, 2))
    assert not found.length.requires_grad and all(weight.grad is None for weight in decoder.parameters())


# Families of curves


def test_splines_are_all_cubic_splines_that_vanish_at_the_ends() -> None:
    spline = Spline(5)
    nodes, weights = np.polynomial.legendre.leggauss(4)
    cells = torch.arange(6)[:, None] + 0.5 * (1 + torch.from_numpy(nodes))
    times = (cells / 6).flatten().requires_grad_()
    basis = spline.basis(times)
    slopes = torch.stack(
        [torch.autograd.grad(column.sum(), times, retain_graph=True)[0] for column in basis.unbind(1)], 1
    )
    gram = (slopes * torch.from_numpy(weights).repeat(6)[:, None] / 12).mT @ slopes
    torch.testing.assert_close(gram, torch.eye(7), rtol=0, atol=1e-3)
    torch.testing.assert_close(spline.basis(torch.tensor([0.0, 1.0])), torch.zeros(2, 7), rtol=0, atol=1e-10)

    heights = normal(9, seed=3).numpy()
    heights[[0, -1]] = 0
    knots = np.array([0, 1 / 12, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 11 / 12, 1])  # "not-a-knot": those at 1/12 are none
    fine = np.linspace(0, 1, 200)
    wanted = torch.from_numpy(CubicSpline(knots, heights)(fine))[:, None]
    fitted = torch.linalg.lstsq(spline.basis(torch.from_numpy(fine)), wanted).solution
    torch.testing.assert_close(spline.basis(torch.from_numpy(fine)) @ fitted, wanted, rtol=0, atol=1e-9)


def test_networks_are_one_for_each_pair_and_vanish_at_the_ends() -> None:
    family = Network(3)
    parameters = family.start(2, 4) + normal(2, 6 + 16)
    times = torch.tensor([0.0, 0.3, 1.0])
    curves = family(parameters, times, 4)
    assert (curves[:, [0, 2]] == 0).all()
    for curve, (slope, shift, weight, bias) in zip(
        curves, (row.split((3, 3, 12, 4)) for row in parameters), strict=True
    ):
        hidden = (0.3 * slope + shift).tanh()
        torch.testing.assert_close(curve[1], 0.3 * 0.7 * (hidden @ weight.reshape(3, 4) + bias))


# Minimisation


def test_rows_are_minimised_each_on_its_own() -> None:
    centres = normal(5, 6)
    curvature = 10 ** torch.linspace(-2, 2, 6)

    def valley(x: Tensor, rows: Tensor) -> Tensor:
        x = x - centres[rows] + 1  # Rosenbrock's function with its minimum at the row's centre
        return (100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1) + 1

    start = centres + 0.3 * normal(5, 6, seed=1)
    assert valley(start, torch.arange(5))[0].item() == pytest.approx(rosen((start - centres + 1)[0].numpy()) + 1)
    found, converged = minimise(valley, start, scale=1e-3, tolerance=1e-14, evaluations=1000)
    assert converged.all()
    torch.testing.assert_close(found, centres, rtol=0, atol=1e-4)

    def bowl(x: Tensor, rows: Tensor) -> Tensor:
        return ((x - centres[rows]).square() * curvature).sum(1)

    found, _ = minimise(bowl, torch.zeros(5, 6), scale=0.1, tolerance=1e-12, evaluations=500)
    torch.testing.assert_close(found, centres, rtol=0, atol=1e-6)


def test_a_step_to_where_there_is_no_value_is_cut() -> None:
    def barrier(x: Tensor, rows: Tensor) -> Tensor:
        return (x - x.log()).sum(1)

    found, converged = minimise(barrier, torch.tensor([[3.0], [0.2]]), scale=100, tolerance=1e-12, evaluations=100)
    assert converged.all()
    torch.testing.assert_close(found, torch.ones(2, 1), rtol=0, atol=1e-5)


def test_the_inverse_hessian_is_that_of_the_bfgs_updates() -> None:
    rows, memory, size = 3, 4, 6
    root = normal(rows, size, size, seed=1)
    moves, slope = normal(rows, memory, size), normal(rows, size, seed=2)
    turns = moves @ (root @ root.mT)
    moves[:, 0] = turns[:, 0] = 0  # not yet filled
    scale = (moves[:, -1] * turns[:, -1]).sum(-1) / turns[:, -1].square().sum(-1)
    inverse = scale[:, None, None] * torch.eye(size).repeat(rows, 1, 1)
    for move, turn in zip(moves[:, 1:].unbind(1), turns[:, 1:].unbind(1), strict=True):
        weight = 1 / (move * turn).sum(-1)[:, None, None]
        side = torch.eye(size) - weight * turn[:, :, None] * move[:, None]
        inverse = side.mT @ inverse @ side + weight * move[:, :, None] * move[:, None]
    found = _product(moves, turns, slope, scale=1.0)
    torch.testing.assert_close(found, (inverse @ slope[..., None])[..., 0])
    empty = torch.zeros_like(moves)
    torch.testing.assert_close(_product(empty, empty, slope, scale=0.3), 0.3 * slope)


# Connections


@pytest.mark.parametrize("space", [Immersed(sphere), Intrinsic(round_metric)], ids=["immersed", "explicit"])
def test_the_connection_of_the_sphere(space: Space) -> None:
    z, u, v = normal(3, 5, 4)
    slope = -2 * z / (1 + z.square().sum(-1, keepdim=True))  # of the logarithm of the conformal factor

    def dot(x: Tensor, y: Tensor) -> Tensor:
        return (x * y).sum(-1, keepdim=True)

    expected = dot(slope, u) * v + dot(slope, v) * u - dot(u, v) * slope
    torch.testing.assert_close(space.connection(z, u, v), expected)


def test_our_decoder_has_a_connection_and_it_is_that_of_its_metric() -> None:
    shape = (1, 4, 4)
    model = vae.build(Design(shape, 3, mlp(shape, hidden=(16,)), bernoulli))
    z, u, v = normal(3, 6, 3)
    expected = Intrinsic(metric(model.decoder, "fisher_rao")).connection(z, u, v)
    found = Immersed(immersion(model.decoder, "fisher_rao")).connection(z, u, v)
    torch.testing.assert_close(found, expected)
    assert found.norm(dim=-1).min() > 0
    spaces = Immersed(immersion(model.decoder, "fisher_rao")), Intrinsic(metric(model.decoder, "fisher_rao"))
    one, other = (geodesics(space, 3 * z[:3], 3 * u[:3]) for space in spaces)
    torch.testing.assert_close(one.length, other.length, rtol=1e-4, atol=0)


@pytest.mark.parametrize("space", [Immersed(sphere), Intrinsic(round_metric)], ids=["immersed", "explicit"])
@pytest.mark.parametrize("latent", [2, 6])
def test_exponentials_of_the_sphere_follow_great_circles(space: Space, latent: int) -> None:
    z, velocity = 0.3 * normal(2, 5, latent)
    x, tangent = sphere(z), along(sphere, z, velocity)
    angle = tangent.norm(dim=-1, keepdim=True)
    end, arrival = exponential(space, z, velocity, steps=24)
    torch.testing.assert_close(sphere(end), x * angle.cos() + tangent / angle * angle.sin(), rtol=0, atol=1e-6)
    image = along(sphere, end, arrival)
    torch.testing.assert_close(image, tangent * angle.cos() - x * angle * angle.sin(), rtol=0, atol=1e-6)


def test_runge_kutta_is_of_order_four() -> None:
    z, velocity = torch.tensor([0.2, 1.0]), torch.tensor([0.0, 1.5])  # straight up the half plane: y = exp(1.5 t)
    errors = [
        (
            exponential(Intrinsic(half_plane), z, velocity, steps=steps, tolerance=math.inf)[0]
            - torch.tensor([0.2, math.exp(1.5)])
        ).norm()
        for steps in (8, 16)
    ]
    assert 12 < errors[0] / errors[1] < 20 and errors[1] < 1e-4


def ellipsoid(z: Tensor) -> Tensor:
    u, v = z.unbind(-1)
    return torch.stack((3 * v.cos() * u.cos(), 2 * v.cos() * u.sin(), v.sin()), -1)


def test_long_velocities_take_more_steps() -> None:
    """Along the equator, an ellipse that each point goes around at its own constant speed, once or a little more."""
    space, z = Immersed(ellipsoid), torch.zeros(2, 2)
    speeds = torch.tensor([1.0, 20.0])
    velocity = torch.stack((speeds / 2, torch.zeros(2)), -1)  # the ellipse has a speed of 2 there
    end, arrival = exponential(space, z, velocity)
    times = torch.linspace(0, 2 * math.pi, 200_001)
    arc = torch.cumulative_trapezoid((9 * times.sin() ** 2 + 4 * times.cos() ** 2).sqrt(), times)
    turns, rest = (speeds / arc[-1]).floor(), speeds % arc[-1]
    expected = 2 * math.pi * turns + times[torch.searchsorted(arc, rest) + 1]
    torch.testing.assert_close(end, torch.stack((expected, torch.zeros(2)), -1), rtol=0, atol=1e-4)
    torch.testing.assert_close(norm(space, end, arrival), speeds, rtol=1e-5, atol=0)
    rough, _ = exponential(space, z, velocity, tolerance=math.inf)
    assert (rough - end)[0].norm() < 1e-5 < 1e-3 < (rough - end)[1].norm()
    torch.testing.assert_close(exponential(space, z[0], velocity[0])[0], end[0])


def test_a_narrow_bump_is_not_overlooked() -> None:
    """A ridge of 0.4 % of the way, higher than the way is long, between the times that the length is measured at."""

    def ridge(z: Tensor) -> Tensor:
        x, y = z.unbind(-1)
        return torch.stack((x, y, 10 * (-(((x - 0.2656) / 0.003) ** 2)).exp()), -1)

    space = Immersed(ridge)
    a, b = torch.tensor([[-1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.2, 0.0]])
    found = geodesics(space, a, b)
    torch.testing.assert_close(found.length, torch.tensor([2.0, 1.2]), rtol=0.01, atol=0)
    assert found.trusted.tolist() == [False, True]
    exact = space.length(line(a, b, torch.linspace(0, 1, 200_001)))
    torch.testing.assert_close(exact, torch.tensor([22.0, 1.2]), rtol=0.02, atol=0)


def test_equal_ends_are_at_no_distance() -> None:
    a = normal(3, 2)
    found = geodesics(Immersed(torus), a, a)
    assert found.length.tolist() == [0, 0, 0] and found.trusted.all()


def test_a_vector_carried_around_a_triangle_turns_by_its_area() -> None:
    corners = nn.functional.normalize(torch.tensor([[1.0, 0.2, 0.0], [0.1, 1.0, -0.3], [0.3, 0.2, -1.0]]), dim=-1)
    vector = torch.tensor([0.3, -0.4])
    angles, turned = [], vector
    for index in range(3):
        x, y, other = corners[index], corners[(index + 1) % 3], corners[(index + 2) % 3]

        def side(times: Tensor, x: Tensor = x, y: Tensor = y) -> Tensor:
            angle = (x @ y).acos()
            points = x * ((1 - times) * angle).sin()[..., None] + y * (times * angle).sin()[..., None]
            return projected(points / angle.sin())

        turned = transport(Immersed(sphere), side, turned, steps=16)
        to_y, to_other = y - (x @ y) * x, other - (x @ other) * x
        angles.append(torch.cosine_similarity(to_y, to_other, 0).acos())
    area = sum(angles) - math.pi
    before, after = (along(sphere, projected(corners[0]), w) for w in (vector, turned))
    assert torch.cosine_similarity(before, after, 0).acos().item() == pytest.approx(area.item(), abs=1e-6)
    normal_part = torch.linalg.cross(before, after) @ corners[0]
    orientation = torch.linalg.det(corners)
    assert normal_part.sign() == orientation.sign()  # the way around is the way of the turn
    assert area > 0.5


@pytest.mark.parametrize("family", [Spline(), Network()], ids=["spline", "network"])
def test_transport_keeps_inner_products(family: Spline | Network) -> None:
    decoder, (a, b) = network(3), normal(2, 5, 3)
    space = Immersed(decoder)
    found = geodesics(space, a, b, family)
    vectors = normal(2, 5, 3, seed=1)
    ends = transport(space, found.curve, vectors, steps=96)

    def products(z: Tensor, vectors: Tensor) -> Tensor:
        images = torch.stack([along(decoder, z, vector) for vector in vectors], -1)
        return images.mT @ images

    torch.testing.assert_close(products(b, ends), products(a, vectors), rtol=1e-5, atol=1e-5)
    assert (products(b, vectors) - products(a, vectors)).abs().max() > 0.1


def test_vectors_carried_by_the_exponential_are_transported() -> None:
    space = Immersed(network(3))
    z, velocity, vector = 0.3 * normal(3, 4, 3)
    end, arrival, carried = exponential(space, z, velocity, vector, steps=32)
    halfway = exponential(space, z, 0.5 * velocity, vector, steps=16)
    whole = exponential(space, *halfway, steps=16)
    torch.testing.assert_close(whole, (end, 0.5 * arrival, carried), rtol=1e-6, atol=1e-6)
    found = geodesics(space, z, end, Spline(12), **TIGHT)
    both = transport(space, found.curve, torch.stack((vector, velocity)), steps=32)
    torch.testing.assert_close(both, torch.stack((carried, arrival)), rtol=0, atol=5e-3)
    assert (carried - vector).abs().max() > 0.1


def test_connections_of_singular_metrics_are_missing() -> None:
    z, vector = normal(2, 3, 2)
    for space in (Immersed(lambda z: 0 * z), Intrinsic(lambda z: torch.zeros(*z.shape, 2) * z[..., None])):
        assert space.connection(z, vector, vector).isnan().all()
        assert exponential(space, z, vector)[0].isnan().all()


# Graphs


def test_graph_distances_converge_on_a_roll() -> None:
    errors, stretch = [], torch.tensor([1.0, 7.0])  # about as long a step in every direction
    for count, neighbours in ((200, 12), (3000, 40)):
        uniform = random.Stream(torch.tensor(random.key(1, "roll"))).uniform((count, 2), torch.float64)
        z = uniform * torch.tensor([6.0, 3.0]) + torch.tensor([4.0, 0.0])
        found = graph.distances(
            graph.graph(Immersed(lambda z: roll(stretch * z)), z, neighbours=neighbours), np.arange(20)
        )
        flat = unrolled(stretch * z)
        exact = (flat[:20, None] - flat).norm(dim=-1).numpy()
        assert np.isfinite(found).all() and (found >= 0.995 * exact).all()
        errors.append((found.sum() / exact.sum()) - 1)
    assert errors[1] < 0.01 and errors[1] < 0.3 * errors[0]


def test_a_path_of_neighbours_adds_up_and_islands_are_infinitely_far() -> None:
    z = torch.tensor([0.0, 1.0, 2.0, 3.0, 3.0, 50.0, 51.0, 52.0])[:, None]  # two points coincide
    space = Immersed(lambda z: torch.cat((3 * z, 4 * z), -1))
    edges = graph.graph(space, z, neighbours=2)
    assert edges.nnz == 16
    found = graph.distances(edges)
    expected = 5 * (z - z.mT).abs().numpy()
    expected[:5, 5:] = expected[5:, :5] = np.inf
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(graph.distances(edges, np.array([3])), found[[3]])
    one_way = graph.graph(
        space, torch.tensor([[0.0], [1.0], [2.5], [10.0]]), neighbours=1
    )  # nobody's nearest is the last
    np.testing.assert_allclose(graph.distances(one_way)[0], [0, 5, 12.5, 50], rtol=1e-12)
