"""Pull-back metrics, their scalars and curvature, on surfaces and families whose values are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor, nn
from torch.autograd.functional import hessian
from torch.autograd.functional import jacobian as reverse_jacobian
from torch.distributions import Bernoulli, Categorical, ContinuousBernoulli, Normal, OneHotCategorical, Poisson

from vaebench import random
from vaebench.errors import VaebenchError
from vaebench.geometry import budget
from vaebench.geometry.curvature import along, scalar, second, sectional
from vaebench.geometry.metrics import (
    Average,
    Explicit,
    Information,
    MetricTensor,
    Pullback,
    ensemble,
    fisher,
    immersion,
    information,
    jacobian,
    metric,
)
from vaebench.geometry.scalars import effective_rank, flatness, log_condition, log_magnification, reason, standardising
from vaebench.model.distributions.delta import Delta
from vaebench.model.networks.conv import conv
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.decoders import NetworkDecoder
from vaebench.model.parts.design import Design
from vaebench.model.spaces.riemannian_metric import RiemannianMetric
from vaebench.study import catalogue

pytestmark = pytest.mark.usefixtures("float64")
SHAPE = (1, 8, 8)
FAMILIES = ["bernoulli", "categorical", "continuous_bernoulli", "gaussian", "gaussian_learned", "gaussian_pixel"]
IMMERSED = ["bernoulli", "categorical", "gaussian", "gaussian_learned"]


def numbers(*shape: int, part: int = 0) -> Tensor:
    return random.Stream(torch.tensor(random.key(part, "test"))).normal(shape, torch.float64)


def close(ours: Tensor, expected: Tensor | float, tolerance: float = 1e-10) -> None:
    expected = torch.as_tensor(expected, dtype=ours.dtype).expand_as(ours)
    torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance)


def decoder(likelihood: str = "bernoulli", latent: int = 3, network: str = "mlp", **settings) -> NetworkDecoder:
    """A decoder of ours with weights a few times the initial ones, as training makes them."""
    small = mlp(SHAPE, hidden=(16,), **settings) if network == "mlp" else conv(SHAPE, channels=(4, 8), hidden=16)
    options = {"levels": 4} if likelihood == "categorical" else {}
    family = catalogue.load("likelihoods", likelihood)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = NetworkDecoder(Design(SHAPE, latent, small, lambda: family(**options))).double()
    with torch.no_grad():
        for weight in made.network.parameters():
            weight *= 3 if network == "mlp" else 1.5
    return made.requires_grad_(False)


def sphere(radius: float) -> Callable[[Tensor], Tensor]:
    """Stereographic coordinates: conformal, of scale 2 r / (1 + |z|^2)."""

    def immerse(z: Tensor) -> Tensor:
        square = z.square().sum(-1, keepdim=True)
        return radius * torch.cat((2 * z, square - 1), -1) / (square + 1)

    return immerse


def hyperbolic(z: Tensor) -> Tensor:
    """The upper half space, of curvature -1."""
    return torch.eye(z.shape[-1]) / z[..., -1, None, None] ** 2


def surface(function: Callable[[Tensor, Tensor], tuple[Tensor, ...]]) -> Pullback:
    return Pullback(lambda z: torch.stack(function(z[..., 0], z[..., 1]), -1))


def smooth(latent: int, ambient: int = 7, part: int = 0) -> Callable[[Tensor], Tensor]:
    """A map with all its derivatives."""
    first, last = numbers(latent, 9, part=part), numbers(9, ambient, part=part + 1)
    return lambda z: (z @ first).tanh() @ last


TORUS = surface(lambda u, v: ((3 + 1.2 * v.cos()) * u.cos(), (3 + 1.2 * v.cos()) * u.sin(), 1.2 * v.sin()))
PARABOLOID = surface(lambda u, v: (u, v, u**2 + v**2))
CYLINDER = surface(lambda u, v: (2 * (u / 2).cos(), 2 * (u / 2).sin(), v))
SWISS_ROLL = surface(lambda u, v: (u * u.cos(), u * u.sin(), v))


@pytest.mark.parametrize("latent", range(1, 11))
def test_sphere(latent: int) -> None:
    radius, z = 1.7, numbers(2, 3, latent)
    metric = Pullback(sphere(radius))
    close(scalar(metric, z), latent * (latent - 1) / radius**2)
    s = metric.singular_values(z)
    close(log_magnification(s), latent * (2 * radius / (1 + z.square().sum(-1))).log())
    close(log_condition(s), 0.0)
    close(effective_rank(s), float(latent))
    if latent > 1:
        u, v = numbers(2, 3, latent, part=1), numbers(2, 3, latent, part=2)
        close(sectional(metric, z, u, v), radius**-2)


def test_surfaces() -> None:
    z = numbers(5, 2)
    u, v = z.unbind(-1)
    gauss = v.cos() / (1.2 * (3 + 1.2 * v.cos()))
    close(scalar(TORUS, z), 2 * gauss)
    close(sectional(TORUS, z, torch.eye(2)[0], torch.eye(2)[1]), gauss)
    close(log_magnification(TORUS.singular_values(z)), (1.2 * (3 + 1.2 * v.cos())).log())
    close(scalar(PARABOLOID, z), 8 / (1 + 4 * (u**2 + v**2)) ** 2)
    close(scalar(CYLINDER, z), 0.0)
    close(scalar(SWISS_ROLL, z + 3), 0.0)
    assert sectional(TORUS, z, z, z / 3).isnan().all()  # no plane
    close(log_magnification(SWISS_ROLL.singular_values(z)), 0.5 * (1 + u**2).log())


def test_no_points() -> None:
    none = torch.zeros(0, 2)
    assert TORUS.jacobian(none).shape == (0, 3, 2)
    assert TORUS.singular_values(none).shape == (0, 2)
    assert scalar(TORUS, none).shape == scalar(Explicit(hyperbolic), none).shape == (0,)


def test_product_of_spheres_is_curved_within_its_factors_alone() -> None:
    first, last = sphere(0.5), sphere(2.0)
    metric = Pullback(lambda z: torch.cat((first(z[..., :2]), last(z[..., 2:])), -1))
    z, axes = numbers(3, 4), torch.eye(4)
    close(scalar(metric, z), 2 / 0.25 + 2 / 4)
    for (i, j), expected in {(0, 1): 4.0, (2, 3): 0.25, (0, 2): 0.0, (1, 3): 0.0}.items():
        close(sectional(metric, z, axes[i], axes[j]), expected)


def test_affine_decoder_is_flat_and_of_constant_metric() -> None:
    matrix, z = numbers(9, 4), 10 * numbers(6, 4, part=1)
    metric = Pullback(lambda z: z @ matrix.T + 1)
    close(metric.jacobian(z), matrix.expand(6, 9, 4))
    close(metric(z), matrix.T @ matrix)
    close(metric.singular_values(z), torch.linalg.svdvals(matrix))
    close(scalar(metric, z), 0.0)
    close(scalar(Explicit(metric), z), 0.0)


@pytest.mark.parametrize("latent", [2, 3, 4])
def test_hyperbolic_space(latent: int) -> None:
    z = numbers(4, latent).abs() + 0.2
    close(scalar(Explicit(hyperbolic), z), -latent * (latent - 1))
    u, v = numbers(4, latent, part=1), numbers(4, latent, part=2)
    close(sectional(Explicit(hyperbolic), z, u, v), -1.0)
    close(log_magnification(Explicit(hyperbolic).singular_values(z)), -latent * z[:, -1].log())


@pytest.mark.parametrize("latent", [1, 2, 3, 4])
def test_intrinsic_and_extrinsic_curvature_agree(latent: int) -> None:
    metric, z = Pullback(smooth(latent)), 0.5 * numbers(3, latent)
    close(scalar(Explicit(metric), z), scalar(metric, z))
    if latent > 1:
        assert scalar(metric, z).abs().min() > 1e-3
        u, v = numbers(3, latent, part=3), numbers(3, latent, part=4)
        close(sectional(Explicit(metric), z, u, v), sectional(metric, z, u, v))


@pytest.mark.parametrize("latent", [2, 3])
def test_scalar_curvature_is_the_sum_of_sectional_ones(latent: int) -> None:
    metric, z = Pullback(smooth(latent)), 0.5 * numbers(1, latent)
    frame = torch.linalg.inv(torch.linalg.cholesky(metric(z), upper=True))[0].T
    total = sum(2 * float(sectional(metric, z, u, v)) for u, v in itertools.combinations(frame, 2))
    assert total == pytest.approx(float(scalar(metric, z)), rel=1e-10)


def test_curvature_and_volume_form_do_not_depend_on_the_coordinates() -> None:
    twist = numbers(3, 3, part=2)

    def move(y: Tensor) -> Tensor:
        return y @ (2 * torch.eye(3) + 0.3 * twist) + 0.3 * (y @ twist).sin()

    y, old = 0.3 * numbers(4, 3), smooth(3)
    there, here = Pullback(old), Pullback(lambda y: old(move(y)))
    close(scalar(here, y), scalar(there, move(y)))
    slopes = torch.linalg.slogdet(jacobian(move, y))[1]
    magnified = log_magnification(there.singular_values(move(y))) + slopes
    close(log_magnification(here.singular_values(y)), magnified)
    u, v = numbers(4, 3, part=3), numbers(4, 3, part=4)
    pushed = along(move, y, u), along(move, y, v)
    close(sectional(here, y, u, v), sectional(there, move(y), *pushed))


@pytest.mark.parametrize("activation", ["silu", "gelu", "tanh", "softplus", "relu"])
def test_derivatives_of_our_decoders_against_reverse_mode(activation: str) -> None:
    function, z = immersion(decoder(activation=activation)), numbers(4, 3)
    ours = Pullback(function).jacobian(z)
    u, v = numbers(4, 3, part=1), numbers(2, 4, 3, part=2)
    curved = second(function, z, u, v)
    for index, point in enumerate(z):
        close(ours[index], reverse_jacobian(function, point), 1e-12)
        expected = hessian(lambda point: function(point)[11], point)
        close(curved[:, index, 11], v[:, index] @ expected @ u[index], 1e-12)


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_derivatives_of_our_decoders_against_finite_differences(network: str) -> None:
    function, z, u = immersion(decoder(network=network)), numbers(2, 3), numbers(2, 3, part=1)
    step = 1e-4
    before, after = function(z - step * u), function(z + step * u)
    close((jacobian(function, z) @ u[..., None])[..., 0], (after - before) / (2 * step), 1e-6)
    close(second(function, z, u, u[None])[0], (before - 2 * function(z) + after) / step**2, 1e-5)


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_curvature_of_our_decoders_is_intrinsic(network: str) -> None:
    metric, z = Information(decoder("bernoulli", 2, network)), numbers(2, 2)
    assert scalar(metric, z).isfinite().all() and (scalar(metric, z) != 0).all()
    close(scalar(Explicit(metric), z), scalar(metric, z), 1e-8)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, z = metric(decoder("gaussian_pixel"), "fisher_rao"), numbers(2, 2, 3)
    u, v, bases = numbers(2, 2, 3, part=1), numbers(2, 2, 3, part=2), numbers(2, 2, 3, 2, part=3)

    def values() -> list[Tensor]:
        curved = scalar(ours, z), sectional(ours, z, u, v), scalar(Pullback(sphere(1.0)), z)
        return [ours.jacobian(z), ours(z), ours.singular_values(z, bases), *curved]

    whole = values()
    monkeypatch.setattr(budget, "NUMBERS", 1)
    for one, many in zip(values(), whole, strict=True):
        assert one.shape[:2] == (2, 2)
        close(one, many, 1e-11)
    close(Pullback(sphere(1.0)).jacobian(z[0, 0]), Pullback(sphere(1.0)).jacobian(z)[0, 0])


def divergence(name: str, px, other) -> Tensor:
    """Closed-form KL divergence of images of one batch axis."""
    if name == "categorical":
        return (px.log_masses.exp() * (px.log_masses - other.log_masses)).flatten(1).sum(-1)
    if name.startswith("gaussian"):
        return torch.distributions.kl_divergence(px, other)
    return px.log_prob(px.mean) - other.log_prob(px.mean)  # log densities are affine in the image


@pytest.mark.parametrize("name", FAMILIES)
def test_fisher_rao_measures_divergence(name: str) -> None:
    px_of = decoder(name)
    z, step = numbers(6, 3), 2e-4 * numbers(6, 3, part=1)
    g = metric(px_of, "fisher_rao")(z)
    length = torch.einsum("zi,zij,zj->z", step, g, step)
    px, other = px_of(z - step / 2), px_of(z + step / 2)
    close((divergence(name, px, other) + divergence(name, other, px)) / length, 1.0, 1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_immersions_have_the_metric_of_their_family(name: str) -> None:
    px_of, z = decoder(name), numbers(4, 3)
    ours = metric(px_of, "fisher_rao")
    if name in IMMERSED:
        close(Pullback(immersion(px_of, "fisher_rao")).jacobian(z), ours.jacobian(z))
        assert ours.immersed(z) is not None
    else:
        assert ours.immersed(z) is None
        with pytest.raises(VaebenchError, match=r"no immersion here: take `metrics\.metric`$"):
            immersion(px_of, "fisher_rao")(z)


def test_bernoulli_angle_is_the_direct_formula() -> None:
    px_of, z = decoder(), numbers(5, 3)
    p, slopes = px_of(z).mean.flatten(1), Pullback(immersion(px_of)).jacobian(z)
    direct = torch.einsum("zri,zr,zrj->zij", slopes, 1 / (p * (1 - p)), slopes)
    close(metric(px_of, "fisher_rao")(z), direct, 1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bernoulli_angle_of_extreme_logits(dtype: torch.dtype) -> None:
    logits = torch.tensor([[-1e5, -800, -90, -30, 0, 30, 80, 90, 800, 1e5]], dtype=dtype)
    ours = jacobian(lambda z: fisher(Bernoulli(logits=z, validate_args=False))[0], logits)[0].diagonal()
    expected = 0.5 / np.cosh(np.minimum(np.abs(logits[0].numpy().astype(float)), 1400) / 2)
    torch.testing.assert_close(ours, torch.tensor(expected, dtype=dtype), rtol=1e-5, atol=1e-19)


def test_continuous_bernoulli_information_is_its_variance() -> None:
    logits = [1e-9, 1e-4, 0.3, 0.999, 1.001, 3.0, 20.0, 200.0]
    both = torch.tensor([sign * logit for logit in logits for sign in (1, -1)])
    weights = fisher(ContinuousBernoulli(logits=both, validate_args=False))[1]
    assert weights is not None
    assert weights[0].item() == pytest.approx(math.sqrt(1 / 12), rel=1e-14)
    expected = [scipy.stats.truncexpon(logit, scale=1 / logit).std() for logit in logits[2:] for _ in range(2)]
    np.testing.assert_allclose(weights[4:].numpy(), expected, rtol=1e-9)
    small = fisher(ContinuousBernoulli(logits=both.float(), validate_args=False))[1]
    assert small is not None
    torch.testing.assert_close(small.double(), weights, rtol=3e-6, atol=0)


def test_categorical_is_part_of_a_sphere_of_radius_two() -> None:
    px_of = decoder("categorical")
    close(information(px_of, numbers(4, 3))[0].norm(dim=-1), 2 * math.sqrt(64))
    simplex = Information(lambda z: Categorical(logits=nn.functional.pad(z, (0, 1))))
    close(scalar(simplex, numbers(4, 3)), 6 / 4)
    close(fisher(OneHotCategorical(logits=numbers(3)))[0], fisher(Categorical(logits=numbers(3)))[0])


def test_two_levels_are_bernoulli() -> None:
    two = metric(lambda z: Categorical(logits=torch.stack((torch.zeros_like(z), z), -1)), "fisher_rao")
    one = metric(lambda z: Bernoulli(logits=z), "fisher_rao")
    close(two(numbers(4, 3)), one(numbers(4, 3)))


def test_normal_family_is_hyperbolic() -> None:
    metric, z = Information(lambda z: Normal(z[..., :1], z[..., 1:].exp())), numbers(5, 2)
    expected = torch.diag_embed(torch.stack(((-2 * z[:, 1]).exp(), torch.full((5,), 2.0)), -1))
    close(metric(z), expected)
    close(scalar(metric, z), -1.0)  # Gauss curvature -1/2


def test_fixed_sigma_scales_the_mean() -> None:
    px_of, z = decoder("gaussian"), numbers(4, 3)
    close(immersion(px_of, "fisher_rao")(z), px_of(z).mean.flatten(1) / 0.1)
    anonymous = metric(lambda z: px_of(z), "fisher_rao")
    close(anonymous(z), 100 * metric(px_of)(z), 1e-9)
    close(scalar(anonymous, z), scalar(metric(px_of, "fisher_rao"), z), 1e-9)


def test_expected_metric_is_the_mean_over_decoded_samples() -> None:
    px_of, z = decoder("gaussian_pixel"), numbers(1, 3)
    ours = metric(px_of, "expected")(z)[0]
    mean = reverse_jacobian(lambda z: px_of(z).mean.flatten(), z[0])
    spread = reverse_jacobian(lambda z: px_of(z).stddev.flatten(), z[0])
    close(ours, mean.T @ mean + spread.T @ spread)
    rows = mean + numbers(20_000, 64, 1, part=1) * spread
    draws = rows.mT @ rows
    errors = draws.std(0) / math.sqrt(len(draws))
    assert ((draws.mean(0) - ours).abs() < 4.5 * errors).all()


def test_ensembles_have_the_mean_metric() -> None:
    maps = [smooth(3, part=part) for part in (0, 2)]
    z = 0.5 * numbers(4, 3)
    mean = sum((Pullback(member)(z) for member in maps), torch.zeros(())) / 2
    close(Pullback(ensemble(*maps))(z), mean)
    average = Average(*map(Pullback, maps))
    close(average(z), mean)
    close(scalar(average, z), scalar(Explicit(average), z))
    mixed = Average(Pullback(maps[0]), Explicit(lambda z: Pullback(maps[1])(z)))
    close(mixed(z), mean)
    close(scalar(mixed, z), scalar(average, z))
    close(scalar(Average(Pullback(maps[0]), Pullback(maps[0])), z), scalar(Pullback(maps[0]), z))


def test_learned_metric_of_rhvae() -> None:
    learned = RiemannianMetric(numbers(5, 3), numbers(5, 3, 3, part=1), 1.5, 0.01)
    metric, z = Explicit(learned), numbers(6, 3, part=2)
    rows = metric.jacobian(z)
    close(rows.mT @ rows, learned(z), 1e-9)
    close(log_magnification(metric.singular_values(z)), learned.log_volume(z), 1e-9)
    assert scalar(metric, z).abs().min() > 1e-3
    close(scalar(metric, z + 100), 0.0)


def test_metric_that_is_not_positive_is_missing() -> None:
    metric = Explicit(lambda z: torch.diag_embed(z))
    s = metric.singular_values(torch.tensor([[4.0, 9.0], [1.0, -1.0]]))
    close(s[0], torch.tensor([3.0, 2.0]))
    assert s[1].isnan().all()
    assert reason(s) == "the metric is not finite at 1 of 2 points"


def collapsed(z: Tensor) -> Tensor:
    """A decoder that ignores the last of three latents."""
    return sphere(1.0)(z[..., :2])


@pytest.mark.parametrize("explicit", [False, True])
def test_collapsed_latents_are_missing_and_counted(explicit: bool) -> None:
    metric: MetricTensor = Pullback(collapsed)
    metric, z = Explicit(metric) if explicit else metric, numbers(5, 3)
    assert scalar(metric, z).isnan().all()
    assert sectional(metric, z, torch.eye(3)[0], torch.eye(3)[1]).isnan().all()
    s = Pullback(collapsed).singular_values(z)
    assert (s[:, 2] == 0).all() and (s[:, :2] > 0).all()
    assert log_magnification(s).isnan().all() and log_condition(s).isnan().all()
    close(effective_rank(s), 2.0)
    assert flatness(s).isfinite()
    assert reason(s) == "the metric is singular at 5 of 5 points"
    active = Pullback(collapsed).singular_values(z, torch.eye(3)[:, :2])
    close(log_magnification(active), 2 * (2 / (1 + z[:, :2].square().sum(-1))).log())
    assert reason(active) == ""


def test_constant_decoder_is_missing_everywhere() -> None:
    metric, z = Pullback(lambda z: 0 * z @ torch.ones(2, 4) + 3), numbers(5, 2)
    s = metric.singular_values(z)
    for value in (log_magnification(s), log_condition(s), effective_rank(s), flatness(s), scalar(metric, z)):
        assert value.isnan().all()
    assert scalar(Explicit(metric), z).isnan().all()


@pytest.mark.parametrize("name", FAMILIES)
def test_far_points_are_values_or_missing(name: str) -> None:
    metric = Information(decoder(name).float())
    z = numbers(6, 3).float() * 10.0 ** torch.tensor([0, 1, 2, 4, 8, 38]).float()[:, None]
    s = metric.singular_values(z)
    assert s.dtype == torch.float64 and s[0].isfinite().all()
    for value in (log_magnification(s), log_condition(s)):
        assert not value.isinf().any()
        assert value[0].isfinite()
    assert not scalar(metric, z).isinf().any()
    assert scalar(metric, z).shape == (6,)


def test_points_do_not_disturb_each_other() -> None:
    metric, z = Pullback(lambda z: torch.cat((z, z.square().exp()), -1)), numbers(3, 2)
    z[1] = 1e3
    s, curved = metric.singular_values(z), scalar(metric, z)
    assert reason(s) == "the metric is not finite at 1 of 3 points"
    assert s[1].isnan().all() and curved[1].isnan()
    close(s[[0, 2]], metric.singular_values(z[[0, 2]]))
    close(curved[[0, 2]], scalar(metric, z[[0, 2]]))


def test_singular_values_keep_the_digits_that_a_gram_matrix_loses() -> None:
    left = torch.linalg.qr(numbers(784, 2))[0]
    rows = left * torch.tensor([1.0, 1e-9])
    s = Pullback(lambda z: z @ rows.T).singular_values(numbers(1, 2, part=1))
    assert s[0].tolist() == pytest.approx([1, 1e-9], rel=1e-6)
    assert float(log_condition(s)) == pytest.approx(9, abs=1e-6)


def test_latents_that_only_act_together_are_singular_in_single_precision() -> None:
    joint = nn.Sequential(nn.Linear(1, 50), nn.SiLU(), nn.Linear(50, 50), nn.SiLU(), nn.Linear(50, 784)).float()
    mixture = torch.tensor([[1.0], [0.3]]).float()
    s = Pullback(lambda z: joint(z @ mixture)).singular_values(numbers(20, 2).float())
    assert (s[:, 1] == 0).all() and (s[:, 0] > 0).all()


def test_curvature_of_latents_that_only_act_together_is_missing() -> None:
    joint = Pullback(lambda z: smooth(2)(z @ numbers(3, 2, part=7)))
    assert scalar(joint, numbers(20, 3)).isnan().all()
    assert scalar(Explicit(joint), numbers(20, 3)).isnan().all()


def test_scalars_of_known_singular_values() -> None:
    s = torch.tensor([[4.0, 2.0, 2.0], [1.0, 1.0, 1.0]])
    close(log_magnification(s), torch.tensor([math.log(16), 0.0]))
    close(log_condition(s), torch.tensor([math.log10(2), 0.0]))
    entropy = scipy.stats.entropy([16, 4, 4])
    close(effective_rank(s), torch.tensor([math.exp(entropy), 3.0]))
    c2 = (16 + 4 + 4 + 3) / 6
    expected = sum((value / c2 - 1) ** 2 for value in (16, 4, 4, 1, 1, 1)) / 6
    assert float(flatness(s)) == pytest.approx(expected, rel=1e-12)


def test_flatness_is_the_distance_of_the_metric_from_an_isometry() -> None:
    metric, z = Pullback(smooth(3)), numbers(50, 3)
    g = metric(z)
    c2 = g.diagonal(dim1=-2, dim2=-1).sum(-1).mean() / 3
    direct = (g / c2 - torch.eye(3)).square().sum((-2, -1)).mean() / 3
    ours = flatness(metric.singular_values(z))
    close(ours, direct)
    close(flatness(Pullback(lambda z: 5 * smooth(3)(z)).singular_values(z)), ours)
    isometry = torch.linalg.qr(numbers(8, 3))[0]
    close(flatness(Pullback(lambda z: 7 * z @ isometry.T).singular_values(z)), 0.0)


def test_standardised_coordinates_are_free_of_the_scale_of_latents() -> None:
    mix = numbers(3, 3, part=5) + 2 * torch.eye(3)
    codes, there = numbers(400, 3), Pullback(smooth(3))
    here = Pullback(lambda y: smooth(3)(y @ mix.T))
    moved = torch.linalg.solve(mix, codes.T).T
    s = there.singular_values(codes, standardising(codes))
    close(here.singular_values(moved, standardising(moved)), s)
    white = torch.linalg.solve(standardising(codes), (codes - codes.mean(0)).T)
    close(torch.cov(white), torch.eye(3))


@pytest.mark.parametrize("active", [torch.tensor([2, 0]), torch.tensor([True, False, True])])
def test_standardising_active_dimensions(active: Tensor) -> None:
    codes, there = numbers(400, 3) * torch.tensor([0.5, 1e-3, 2.0]), Pullback(smooth(3))
    basis = standardising(codes, active)
    close(basis @ basis.T, torch.cov(codes.T) * torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 0, 1]]))
    fixed = codes[0, 1].item()
    slice_of = Pullback(lambda y: smooth(3)(torch.stack((y[..., 0], torch.full_like(y[..., 0], fixed), y[..., 1]), -1)))
    kept = codes[:1, [0, 2]]
    expected = slice_of.singular_values(kept, standardising(codes[:, [0, 2]]))
    close(there.singular_values(codes[:1], basis), expected)


def test_codes_that_fill_no_volume_are_singular() -> None:
    codes, there = numbers(400, 2), Pullback(smooth(5))
    for degenerate in (codes @ numbers(2, 5, part=1), torch.cat((codes, torch.ones(400, 3)), 1)):
        s = there.singular_values(degenerate[:3], standardising(degenerate))
        assert reason(s) == "the metric is singular at 3 of 3 points"
        assert ((s > 0).sum(-1) == 2).all()


def test_tangent_bases_of_a_spherical_latent_space() -> None:
    z = nn.functional.normalize(numbers(6, 3), dim=-1)
    frames = torch.linalg.qr(torch.cat((z[..., None], numbers(6, 3, 2, part=1)), -1))[0][..., 1:]
    s = Pullback(lambda z: 3 * nn.functional.normalize(z, dim=-1)).singular_values(z, frames)
    close(s, 3.0)


def test_any_torch_decoder() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Linear(3, 8), nn.ReLU(inplace=True), nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Sigmoid()
        foreign = nn.Sequential(*layers, nn.Unflatten(-1, (4, 4))).eval()
    z = numbers(4, 3)
    close(metric(foreign).jacobian(z)[2], reverse_jacobian(lambda z: foreign(z[None]).flatten(), z[2]))
    assert scalar(metric(foreign), z).shape == (4,)


@pytest.mark.parametrize(("px", "named"), [(Delta(torch.zeros(1, 4)), "Delta"), (Poisson(torch.ones(1, 4)), "Poisson")])
def test_families_without_a_metric_say_so(px, named: str) -> None:
    with pytest.raises(VaebenchError, match=rf"no Fisher-Rao metric for {named} images: take kind='euclidean'$"):
        metric(lambda z: px, "fisher_rao").jacobian(torch.zeros(1, 4))
    close(immersion(lambda z: px)(torch.zeros(1, 4)), px.mean)


def test_discretised_logistic_has_a_euclidean_metric_alone() -> None:
    with pytest.raises(VaebenchError, match="no Fisher-Rao metric for Logistic images"):
        metric(decoder("discretised_logistic"), "fisher_rao")(numbers(2, 3))
    assert metric(decoder("discretised_logistic"))(numbers(2, 3)).isfinite().all()


def test_wrong_kinds_say_so() -> None:
    with pytest.raises(VaebenchError, match=r"no metric 'riemannian': take euclidean, fisher_rao or expected$"):
        metric(decoder(), "riemannian")  # type: ignore[arg-type]
    with pytest.raises(VaebenchError, match="the expected metric is of Gaussian images"):
        metric(decoder(), "expected")(numbers(2, 3))
