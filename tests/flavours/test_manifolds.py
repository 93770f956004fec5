"""Latents on the sphere and in hyperbolic space: maps, densities, samples and their gradients."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import gammaln, ive
from scipy.stats import kstest, vonmises_fisher
from test_flavours import X, design
from torch import Tensor, nn
from torch.distributions import kl_divergence

from vaebench import random
from vaebench.errors import VaebenchError
from vaebench.flavours.curved.poincare_vae import poincare_vae
from vaebench.flavours.curved.svae import svae
from vaebench.flavours.gaussian.vae import vae
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.distributions.hyperbolic import Riemannian, Wrapped
from vaebench.model.distributions.reparameterisation import first
from vaebench.model.distributions.von_mises_fisher import UniformSphere, VonMisesFisher, cumulants
from vaebench.model.parts.design import Design
from vaebench.model.spaces.poincare import Ball, Gyroplanes

pytestmark = pytest.mark.usefixtures("float64")
DRAWS = 100_000
KAPPAS = [0.3, 1.0, 7.0, 100.0, 1e4]


def numbers(*shape: int, part: int = 0) -> Tensor:
    return random.Stream(torch.tensor(random.key(part, "test"))).normal(shape, torch.float64)


def sphere(kappa: float, size: int, part: int = 0) -> VonMisesFisher:
    return VonMisesFisher(nn.functional.normalize(numbers(1, size, part=part), dim=-1), torch.tensor([kappa]))


def mean_within(values: Tensor, expected: float, errors: float = 4.5) -> bool:
    return abs(float(values.mean()) - expected) < errors * float(values.std()) / math.sqrt(values.numel())


def height_law(kappa: float, size: int) -> Callable[[Callable[[float], float]], float]:
    """Expectation over the height of a von Mises-Fisher draw, by adaptive quadrature over the angle."""
    width = min(math.pi, 40 / math.sqrt(kappa))

    def integral(function: Callable[[float], float]) -> float:
        def integrand(angle: float) -> float:
            return math.exp(kappa * (math.cos(angle) - 1)) * math.sin(angle) ** (size - 2) * function(math.cos(angle))

        return quad(integrand, 0, width, limit=400, epsabs=0, epsrel=1e-11)[0]

    return lambda function: integral(function) / integral(lambda _: 1.0)


def wrapped(features: Tensor) -> Wrapped:
    return Wrapped(Ball(0.7), Ball(0.7).from_centre(features[..., :-1]), features[..., -1:])


def riemannian(features: Tensor) -> Riemannian:
    return Riemannian(Ball(0.7), Ball(0.7).from_centre(features[..., :-1]), features[..., -1:])


def von_mises_fisher(features: Tensor) -> VonMisesFisher:
    return VonMisesFisher(nn.functional.normalize(features[..., :-1], dim=-1), features[..., -1].exp())


@pytest.mark.parametrize("build", [wrapped, riemannian, von_mises_fisher])
def test_stacked_draws_and_their_gradients_are_those_of_single_runs(build: Callable) -> None:
    features, keys, weight = 0.5 * numbers(2, 6, 4), torch.tensor([3, 4]), numbers(4, part=1)

    def objective(key: Tensor, features: Tensor) -> Tensor:
        with random.stream(key):
            q = build(features)
            z = q.rsample((5,))
        return (z @ weight[: z.shape[-1]] + q.log_prob(z)).sum()

    together = torch.func.vmap(torch.func.grad_and_value(objective, argnums=1))(keys, features)
    for slot in range(2):
        leaf = features[slot].clone().requires_grad_()
        value = objective(keys[slot], leaf)
        torch.testing.assert_close(together[1][slot], value)
        torch.testing.assert_close(together[0][slot], torch.autograd.grad(value, leaf)[0])


# --- the sphere


@pytest.mark.parametrize("size", [2, 3, 4, 11, 34, 65, 130])
def test_the_cumulants_are_bessel_functions(size: int) -> None:
    kappa = np.logspace(-2, 5, 200)
    order = size / 2 - 1
    with np.errstate(divide="ignore"):
        value = gammaln(order + 1) + order * np.log(2 / kappa) + kappa + np.log(ive(order, kappa))
    known = np.isfinite(value) & (ive(order + 1, kappa) > 1e-280)
    assert known.sum() > 90
    ours = cumulants(torch.tensor(kappa), size)
    np.testing.assert_allclose(ours[0][known], value[known], rtol=1e-9, atol=3e-10)
    np.testing.assert_allclose(ours[1][known], (ive(order + 1, kappa) / ive(order, kappa))[known], rtol=2e-9)


@pytest.mark.parametrize("size", [2, 3, 20, 65, 300])
def test_the_cumulants_differentiate_to_each_other_from_zero_to_far_out(size: int) -> None:
    kappa = torch.tensor([0.0, 1e-8, 0.1, 1.0, 30.0, 1e3, 1e6]).requires_grad_()
    value, slope = cumulants(kappa, size)
    torch.testing.assert_close(torch.autograd.grad(value.sum(), kappa, retain_graph=True)[0], slope, rtol=1e-6, atol=0)
    bend = torch.autograd.grad(slope.sum(), kappa)[0]
    with torch.no_grad():
        exact = 1 - slope.square() - (size - 1) * torch.where(kappa > 0, slope / kappa, 1 / size)
    torch.testing.assert_close(bend[:-1], exact[:-1], rtol=1e-3, atol=1e-8)
    assert abs(value[0]) < 1e-15 and slope[0] == 0 and bend[0].item() == pytest.approx(1 / size, rel=1e-9)


@pytest.mark.parametrize("kappa", KAPPAS)
def test_von_mises_fisher_density_integrates_to_one_on_circle_and_sphere(kappa: float) -> None:
    angles = torch.linspace(-math.pi, math.pi, 4001)[:-1]
    circle = torch.stack((angles.cos(), angles.sin()), -1)[:, None]
    total = sphere(kappa, 2).log_prob(circle).exp().sum() * 2 * math.pi / 4000
    assert total.item() == pytest.approx(1, abs=1e-8)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    grid, turns = torch.meshgrid(torch.tensor(nodes), angles[::4], indexing="ij")
    across = (1 - grid.square()).sqrt()
    points = torch.stack((grid, across * turns.cos(), across * turns.sin()), -1)[..., None, :]
    density = sphere(min(kappa, 1e3), 3).log_prob(points).exp()[..., 0]
    assert (density.mean(1) * torch.tensor(weights) * 2 * math.pi).sum().item() == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("size", [2, 3, 11])
@pytest.mark.parametrize("kappa", KAPPAS)
def test_von_mises_fisher_density_and_kl(size: int, kappa: float) -> None:
    q, p = sphere(kappa, size), UniformSphere(torch.zeros(size))
    with random.stream(torch.tensor(0)):
        z = torch.cat((q.rsample((20,))[:, 0], p.rsample((20,))))
    theirs = vonmises_fisher(q.mean[0].numpy(), kappa)
    with np.errstate(under="ignore"):
        np.testing.assert_allclose(q.log_prob(z[:, None])[:, 0], theirs.logpdf(z.numpy()), rtol=1e-9, atol=1e-7)
    expected = -theirs.entropy() + p.log_area
    np.testing.assert_allclose(kl_divergence(q, p), expected, rtol=1e-9, atol=1e-7)
    expect = height_law(kappa, size)
    area = p.log_prob(z)[0].item()
    ratio = expect(lambda t: kappa * t) - cumulants(q.concentration, size)[0].item()
    assert kl_divergence(q, p).item() == pytest.approx(ratio, rel=1e-8, abs=1e-7) and area == -p.log_area


@pytest.mark.parametrize("size", [2, 3, 4, 17, 65])
@pytest.mark.parametrize("kappa", KAPPAS)
def test_von_mises_fisher_samples(size: int, kappa: float) -> None:
    """Heights have their law, the rest has no direction of its own, and all lie on the sphere."""
    q = sphere(kappa, size, part=size)
    draws = DRAWS // 5
    with torch.no_grad(), random.stream(torch.tensor(1)):
        z = q.rsample((draws,))[:, 0]
    torch.testing.assert_close(z.square().sum(-1), torch.ones(draws), rtol=1e-12, atol=0)
    height, expect = z @ q.mean[0], height_law(kappa, size)
    for function in (lambda t: t, lambda t: (1 - t) ** 2):
        assert mean_within(function(height), expect(function))
    tangent = nn.functional.normalize(z - height[:, None] * q.mean, dim=-1)
    axes = torch.linalg.svd(q.mean)[2][1:]
    shares = (tangent @ axes.T).square()
    assert ((tangent @ axes.T).mean(0).abs() < 4.5 / math.sqrt(draws * (size - 1)) + 1e-12).all()
    assert ((shares.mean(0) - 1 / (size - 1)).abs() < 4.5 * shares.std(0) / math.sqrt(draws) + 1e-9).all()


def test_von_mises_fisher_heights_in_three_dimensions_have_the_closed_law() -> None:
    q = sphere(5.0, 3)
    with torch.no_grad(), random.stream(torch.tensor(2)):
        height = (q.rsample((DRAWS,)) * q.mean).sum(-1).flatten().numpy()
    assert kstest(height, lambda t: (np.exp(5 * (t - 1)) - math.exp(-10)) / (1 - math.exp(-10))).pvalue > 1e-4


@pytest.mark.parametrize("size", [2, 3, 11, 65])
@pytest.mark.parametrize("kappa", [1.0, 30.0, 1e3])
def test_gradients_of_von_mises_fisher_expectations(size: int, kappa: float) -> None:
    """By the concentration against finite differences of quadrature, by the direction against the closed form."""
    weight = numbers(size, part=1)
    direction = nn.functional.normalize(numbers(size), dim=-1).requires_grad_()
    concentration = torch.tensor(kappa).requires_grad_()
    q = VonMisesFisher(direction.expand(DRAWS // 2, -1), concentration.expand(DRAWS // 2))
    with random.stream(torch.tensor(3)):
        z = q.rsample()
    mean = (z @ direction.detach()).square()
    step = 1e-3 * kappa
    above, below = (height_law(kappa + move, size)(lambda t: t * t) for move in (step, -step))
    each = torch.autograd.grad(mean.sum(), q.concentration, retain_graph=True)[0]
    assert mean_within(each, (above - below) / (2 * step))
    (slope,) = torch.autograd.grad((z @ weight).mean(), direction)
    slope = slope - (slope @ direction) * direction
    expected = q.cumulants[1][0] * (weight - (weight @ direction) * direction)
    assert ((slope - expected).norm() < 6 * (z @ weight).std() * size**0.5 / math.sqrt(DRAWS // 2) * 2).item()


def test_the_gradient_of_the_height_is_exact_in_three_dimensions() -> None:
    """There the quantile is a closed form, and a draw's derivative that of its quantile."""
    concentration = torch.logspace(0, 3, 200).requires_grad_()
    q = VonMisesFisher(torch.eye(3)[:1].expand(200, -1), concentration)
    with random.stream(torch.tensor(3)):
        height = q.rsample()[:, 0]
    (ours,) = torch.autograd.grad(height.sum(), q.concentration)
    kappa = concentration.detach().requires_grad_()
    rest = (-2 * kappa.detach()).exp()
    quantile = ((kappa.detach() * (height.detach() - 1)).exp() - rest) / (1 - rest)
    closed = 1 + (quantile + (1 - quantile) * (-2 * kappa).exp()).log() / kappa
    (exact,) = torch.autograd.grad(closed.sum(), kappa)
    good = quantile > 1e-6
    torch.testing.assert_close(ours[good], exact[good], rtol=1e-5, atol=1e-9)


def test_the_poles_and_great_concentrations_are_safe_in_float32() -> None:
    direction = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0], [0, 0, 1.0], [0, 1e-20, 1.0]]).float().requires_grad_()
    concentration = torch.tensor([1.0, 1e2, 1e5, 1e7]).float().requires_grad_()
    q = VonMisesFisher(direction, concentration)
    with random.stream(torch.tensor(0)):
        z = q.rsample((500,))
    assert (z.norm(dim=-1) - 1).abs().max() < 1e-6
    spread = (1 - (z * direction).sum(-1)).mean(0)
    assert (spread[2:] < 2e-5).all() and 0.2 < spread[0] < 1
    total = q.log_prob(z).mean() + kl_divergence(q, q.uniform).sum() + z[..., 1].sum()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(total, (direction, concentration)))
    exact = sphere(1e7, 3)
    torch.testing.assert_close(kl_divergence(q, q.uniform)[3], kl_divergence(exact, exact.uniform)[0].float())


def test_the_first_accepted_proposal_is_taken() -> None:
    accepted = torch.tensor([[False, True, True], [True, False, True], [False, False, False]])
    assert first(torch.arange(9.0).reshape(3, 3), accepted).tolist() == [1, 3, 6]


def test_a_uniform_posterior_leaves_no_rate_and_codes_lie_on_the_sphere() -> None:
    model = svae.initial(design("mlp", 3), {}, 0)
    with torch.no_grad():
        codes = model.encode(X.double())
        model.encoder.network[-1].weight[-1], model.encoder.network[-1].bias[-1] = 0, -50
        rate = svae.terms("model", model, X.double(), {})[0]["rate"]
    torch.testing.assert_close(codes.norm(dim=-1), torch.ones(len(X)))
    expected = kl_divergence(sphere(1.0, 4), UniformSphere(torch.zeros(4))).expand(len(X))
    torch.testing.assert_close(rate, expected)


# --- hyperbolic space


def points(ball: Ball, *shape: int, part: int = 0, length: float = 1.0) -> Tensor:
    return ball.exp(torch.zeros(shape[-1]), length * numbers(*shape, part=part))


@pytest.mark.parametrize("curvature", [1e-6, 0.7, 1.0, 4.0])
def test_exponential_and_logarithm(curvature: float) -> None:
    """They are inverse, their vectors have the length of the geodesic, and the metric is the ball's closed form."""
    ball = Ball(curvature)
    x, y = points(ball, 50, 3), points(ball, 50, 3, part=1)
    torch.testing.assert_close(ball.exp(x, ball.log(x, y)), y, rtol=1e-9, atol=1e-12)
    vector = numbers(50, 3, part=2)
    torch.testing.assert_close(ball.log(x, ball.exp(x, vector)), vector, rtol=1e-6, atol=1e-9)
    product = (1 - curvature * x.square().sum(-1)) * (1 - curvature * y.square().sum(-1))
    closed = (1 + 2 * curvature * (x - y).square().sum(-1) / product).acosh() / math.sqrt(curvature)
    torch.testing.assert_close(ball.distance(x, y), closed, rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(ball.log(x, y).norm(dim=-1), ball.distance(x, y), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(ball.distance(x, y), ball.distance(y, x))
    short = ball.exp(x, 1e-6 * vector) - x
    scale = (1 - curvature * x.square().sum(-1, keepdim=True)) / 2
    torch.testing.assert_close(short / 1e-6, scale * vector, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ball.exp(torch.zeros(3), vector), ball.from_centre(vector))


def test_moebius_addition_is_the_left_translation() -> None:
    ball = Ball(0.7)
    x, y, z = (points(ball, 20, 4, part=part) for part in range(3))
    torch.testing.assert_close(ball.add(-x, ball.add(x, y)), y)
    torch.testing.assert_close(ball.distance(ball.add(x, y), ball.add(x, z)), ball.distance(y, z))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_are_finite_at_the_centre_and_at_the_rim(dtype: torch.dtype) -> None:
    ball = Ball(0.7)
    vector = torch.tensor([[0.0, 0.0], [1e-12, 0.0], [50.0, 1.0], [1e4, -1e4]], dtype=dtype, requires_grad=True)
    for law in (Wrapped, Riemannian):
        log_std = torch.full((4, 1), -1.0, dtype=dtype, requires_grad=True)
        q = law(ball, ball.inside(ball.from_centre(vector)), log_std)
        with random.stream(torch.tensor(0)):
            z = q.rsample((20,))
        assert (ball.curvature * z.square().sum(-1) < 1).all()
        total = q.log_prob(z).sum() + q.log_prob(q.mean).sum() + z.sum() + ball.log(torch.zeros_like(z), z).sum()
        assert total.isfinite()
        assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(total, (vector, log_std)))


def normals(ball: Ball, mean: Tensor, std: float) -> list[Wrapped | Riemannian]:
    log_std = torch.tensor(std).log().reshape(1, 1)
    return [Riemannian(ball, mean, log_std), Wrapped(ball, mean, log_std)]


@pytest.mark.parametrize("curvature", [0.01, 0.7, 3.0])
@pytest.mark.parametrize("std", [0.3, 1.0])
def test_hyperbolic_densities_integrate_to_one_on_the_disc(curvature: float, std: float) -> None:
    """Against the volume, on a polar grid of geodesic lengths around the centre."""
    ball = Ball(curvature)
    mean = points(ball, 1, 2, length=0.5)
    nodes, weights = np.polynomial.legendre.leggauss(300)
    length = 6 * (torch.tensor(nodes) + 1)
    angle = torch.arange(600) * 2 * math.pi / 600
    grid = length[:, None, None] * torch.stack((angle.cos(), angle.sin()), -1)
    z = ball.exp(torch.zeros(2), grid)[..., None, :]
    volume = (ball.root * length).sinh() / ball.root * torch.tensor(6 * weights) * 2 * math.pi / 600
    laws = [*normals(ball, mean, std), Wrapped(ball, mean, torch.tensor([[std, 0.6 * std]]).log())]
    for law in laws:
        total = (law.log_prob(z).exp()[..., 0] * volume[:, None]).sum()
        assert total.item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("latent", "std"), [(1, 2), (2, 0.05), (2, 2), (3, 1), (10, 1), (16, 1.5), (64, 0.1), (64, 0.6)]
)
def test_riemannian_normaliser_and_radii(latent: int, std: float) -> None:
    """The normaliser against adaptive quadrature in log space, radii of samples against its cumulative law."""
    ball = Ball(0.7)
    law = Riemannian(ball, points(ball, 1, latent, length=0.1), torch.tensor([[float(std)]]).log())

    def log_density(r: np.ndarray) -> np.ndarray:
        x = ball.root * r
        return -0.5 * (r / std) ** 2 + (latent - 1) * (x + np.log(-np.expm1(-2 * x) / (2 * ball.root)))

    grid = np.linspace(0, std * ((latent - 1) * ball.root * std + math.sqrt(latent) + 10), 200_001)[1:]
    values = log_density(grid)
    density = np.exp(values - values.max())
    step = grid[1] - grid[0]
    total = (density.sum() - 0.5 * density[-1] + (0.5 if latent == 1 else 0.0)) * step
    log_area = math.log(2) + latent / 2 * math.log(math.pi) - math.lgamma(latent / 2)
    assert law.log_normaliser.item() == pytest.approx(math.log(total) + values.max() + log_area, abs=2e-5)
    with torch.no_grad(), random.stream(torch.tensor(4)):
        z = law.rsample((5000,))
    cumulative = np.cumsum(density) / density.sum()
    radii = ball.distance(law.mean, z).flatten().numpy()
    assert kstest(radii, lambda r: np.interp(r, grid, cumulative)).pvalue > 1e-3


@pytest.mark.parametrize("latent", [1, 2, 7])
def test_wrapped_radii_are_those_of_the_gaussian(latent: int) -> None:
    ball = Ball(2.0)
    law = Wrapped(ball, points(ball, 1, latent), torch.tensor([[0.7]]).log())
    with torch.no_grad(), random.stream(torch.tensor(4)):
        z = law.rsample((5000,))
    assert kstest((ball.distance(law.mean, z) / 0.7).square().flatten().numpy(), "chi2", (latent,)).pvalue > 1e-3


@pytest.mark.parametrize("latent", [1, 2, 10])
def test_gradient_of_the_riemannian_scale(latent: int) -> None:
    """Mean squared distance by log std: finite differences of minus twice the normaliser's slope in 1 / variance."""
    ball, count = Ball(0.7), 20_000

    def moment(log_std: float) -> float:
        """E[d^2] = d log Z / d(-1 / 2 sigma^2)."""
        value = torch.tensor([[log_std]], requires_grad=True)
        law = Riemannian(ball, torch.zeros(1, latent), value)
        return (torch.autograd.grad(law.log_normaliser.sum(), value)[0] * (2 * value).exp()).item()

    log_std = torch.zeros(1, 1).requires_grad_()
    law = Riemannian(ball, torch.zeros(1, latent).expand(count, -1), log_std.expand(count, 1))
    with random.stream(torch.tensor(4)):
        square = ball.distance(law.mean, law.rsample()).square()
    assert mean_within(square.detach(), moment(0.0))
    slope = torch.autograd.grad(square.sum(), law.log_std)[0]
    assert mean_within(slope, (moment(1e-4) - moment(-1e-4)) / 2e-4)


def test_a_draw_of_the_riemannian_normal_moves_with_its_quantile() -> None:
    """In three dimensions, where the radius has a closed cumulative law, by finite differences."""
    ball = Ball(1.0)

    def cumulative(radius: float, std: float) -> float:
        def density(r: float) -> float:
            return math.exp(-0.5 * (r / std) ** 2) * math.sinh(r) ** 2

        return quad(density, 0, radius, epsrel=1e-12)[0] / quad(density, 0, 20 * std, epsrel=1e-12, points=[radius])[0]

    log_std = torch.zeros(12, 1).requires_grad_()
    law = Riemannian(ball, torch.zeros(12, 3), log_std)
    with random.stream(torch.tensor(4)):
        radius = ball.distance(law.mean, law.rsample())
    (speed,) = torch.autograd.grad(radius.sum(), log_std)
    for r, ours in zip(radius.tolist(), speed.flatten().tolist(), strict=True):
        by_radius = (cumulative(r + 1e-4, 1.0) - cumulative(r - 1e-4, 1.0)) / 2e-4
        by_std = (cumulative(r, math.exp(1e-4)) - cumulative(r, math.exp(-1e-4))) / 2e-4
        assert ours == pytest.approx(-by_std / by_radius, rel=1e-5)


def test_without_curvature_both_normals_are_gaussians_in_length_true_coordinates() -> None:
    ball = Ball(1e-10)
    mean, z = points(ball, 6, 4), points(ball, 6, 4, part=1)
    log_std = 0.3 * numbers(6, 1, part=2)
    expected = Gaussian(2 * mean, log_std).log_prob(2 * z)
    for law in (Wrapped, Riemannian):
        torch.testing.assert_close(law(ball, mean, log_std).log_prob(z), expected, rtol=1e-7, atol=1e-7)


def test_without_curvature_the_flavour_is_a_vae() -> None:
    hyper = {"curvature": 1e-10, "decoding": "logarithm"}
    for normal in ("wrapped", "riemannian"):
        both = {"posterior_normal": normal, "prior_normal": normal}
        model = poincare_vae.initial(design("mlp", 3), poincare_vae.defaults | hyper | both, 0)
        with torch.no_grad():
            draw = model(X.double())
            features = model.encoder.network(X.double())
            q = Gaussian(features[:, :3], (nn.functional.softplus(features[:, 3:]) + 1e-5).log())
            plain = vae.initial(design("mlp", 3), {}, 0)
            plain.decoder.load_state_dict(model.decoder.state_dict())
            z, p = 2 * draw.z, plain.prior(plain.encoder)
            torch.testing.assert_close(draw.log_px, plain.decoder(z).log_prob(X.double()), rtol=1e-6, atol=1e-6)
            torch.testing.assert_close(draw.kl, q.log_prob(z) - p.log_prob(z), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("curvature", [1e-10, 0.7])
def test_gyroplanes_measure_distances_to_their_planes(curvature: float) -> None:
    """The distance is the least over points of the plane, here spanned from its foot by orthogonal geodesics."""
    ball = Ball(curvature)
    layer = Gyroplanes(ball, nn.Linear(2, 1))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.6, -1.1]])), layer.bias.fill_(0.4)
        size = layer.weight.norm()
        normal = layer.weight[0] / size
        foot = ball.exp(torch.zeros(2), -0.4 * normal)
        along = torch.linspace(-8, 8, 40_001)[:, None] * torch.stack((-normal[1], normal[0]))
        plane = ball.exp(foot, along)
        for z in points(ball, 5, 2):
            distance = ball.distance(plane, z).min().item()
            assert abs(layer(z[None]).item()) == pytest.approx(size.item() * distance, rel=1e-5)
        assert layer(torch.zeros(2)).item() == pytest.approx(size.item() * 0.4, rel=1e-6)
        assert layer(foot).item() == pytest.approx(0, abs=1e-9)
        if curvature < 1e-6:
            z = points(ball, 5, 2)
            torch.testing.assert_close(layer(z), 2 * z @ layer.weight.T + size * 0.4, rtol=1e-6, atol=1e-6)


class Plain:
    """A network whose decoder is not a sequence."""

    def encoder(self, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, outputs))

    def decoder(self, latent: int, channels: int) -> nn.Module:
        return nn.Linear(latent, 64)


def test_gyroplanes_need_a_linear_layer_to_replace() -> None:
    plain = Design((1, 8, 8), 2, Plain(), design("mlp", 2).likelihood)
    with pytest.raises(VaebenchError, match="set decoding=logarithm"):
        poincare_vae.build(plain)
    poincare_vae.build(plain, {"decoding": "logarithm"})


@pytest.mark.parametrize(
    ("latent", "normal", "std"), [(64, "riemannian", 1.0), (300, "wrapped", 1.0), (2, "wrapped", 9.0)]
)
def test_a_prior_beyond_the_reach_of_float32_is_refused(latent: int, normal: str, std: float) -> None:
    with pytest.raises(VaebenchError, match="set prior_std or curvature lower"):
        poincare_vae.build(design("mlp", latent), {"prior_normal": normal, "prior_std": std})
    poincare_vae.build(design("mlp", latent), {"prior_normal": normal, "prior_std": std / 5})


@pytest.mark.parametrize("normal", ["wrapped", "riemannian"])
@pytest.mark.parametrize("decoding", ["gyroplanes", "logarithm"])
def test_importance_weights_keep_the_evidence_for_every_choice(normal: str, decoding: str) -> None:
    """The mean over prior draws of p(x|z) is that of the weights, also with unlike normals."""
    chosen = {"posterior_normal": normal, "prior_normal": "riemannian", "decoding": decoding, "prior_std": 0.8}
    model = poincare_vae.initial(design("mlp", 2), poincare_vae.defaults | chosen, 0)
    x, count = X[:3].double(), 20_000
    with torch.no_grad(), random.stream(torch.tensor(5)):
        ours = model(x, count).log_w
        prior = model.decoder(model.prior(model.encoder).rsample((count,))[:, None]).log_prob(x)
    shares = [value.softmax(0) for value in (ours, prior)]
    variance = sum(share.square().sum(0) - 1 / count for share in shares)
    gap = ours.logsumexp(0) - prior.logsumexp(0)
    assert (gap.abs() < 4.5 * variance.sqrt()).all() and variance.max() < 0.01
