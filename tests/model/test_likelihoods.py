from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import torch
from torch import Tensor
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal

from vaebench import random
from vaebench.study import catalogue

pytestmark = pytest.mark.usefixtures("float64")
SHAPE = (4, 2, 3, 5)
NAMES = [
    "bernoulli",
    "categorical",
    "continuous_bernoulli",
    "discretised_logistic",
    "gaussian",
    "gaussian_learned",
    "gaussian_pixel",
]


def numbers(*shape: int, part: int = 0) -> Tensor:
    return random.Stream(torch.tensor(random.key(part, "test"))).normal(shape, torch.float64)


def likelihood(name: str, **settings: float) -> torch.nn.Module:
    return catalogue.load("likelihoods", name)(**settings)


def log_density(logits: Tensor, values: Tensor) -> Tensor:
    """Log density of single continuous Bernoulli pixels."""
    pixels = (1, 1, 1)
    return likelihood("continuous_bernoulli")(logits.reshape(-1, *pixels)).log_prob(values.reshape(-1, *pixels))


def expected(logit: float) -> float:
    return likelihood("continuous_bernoulli")(torch.full((1, 1, 1), logit)).mean.item()


def test_every_likelihood_is_tested() -> None:
    assert catalogue.names("likelihoods") == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [(), (6,), (2, 3)])
def test_log_likelihoods_sum_over_pixels_and_broadcast_over_samples(name: str, samples: tuple[int, ...]) -> None:
    family = likelihood(name)
    features = numbers(*samples, 4, 2 * family.features, 3, 5)
    x = numbers(*SHAPE, part=1).sigmoid()
    together = family(features).log_prob(x)
    assert together.shape == (*samples, 4)
    for place in itertools.product(*map(range, samples)):
        for index in range(4):
            alone = family(features[place][index]).log_prob(x[index])
            assert together[place][index].item() == pytest.approx(alone.item(), rel=1e-13)


def test_bernoulli() -> None:
    features = 3 * numbers(*SHAPE)
    x = (numbers(*SHAPE, part=1) > 0).double()
    px = likelihood("bernoulli")(features)
    expected = scipy.stats.bernoulli.logpmf(x.numpy(), scipy.special.expit(features.numpy())).sum((1, 2, 3))
    np.testing.assert_allclose(px.log_prob(x), expected, rtol=1e-12)
    torch.testing.assert_close(px.log_prob(x), Bernoulli(logits=features).log_prob(x).sum((1, 2, 3)))
    torch.testing.assert_close(px.mean, features.sigmoid())


def test_bernoulli_of_grey_pixels_is_the_mean_over_binarisations() -> None:
    features, grey = 2 * numbers(1, 2, 3), numbers(1, 2, 3, part=1).sigmoid()
    px = likelihood("bernoulli")(features)
    mean = 0.0
    for pixels in itertools.product((0.0, 1.0), repeat=6):
        binary = torch.tensor(pixels).view(1, 2, 3)
        mean += (torch.where(binary > 0, grey, 1 - grey).prod() * px.log_prob(binary)).item()
    assert px.log_prob(grey).item() == pytest.approx(mean, rel=1e-13)


LOGITS = [0.0, 1e-12, 1e-3, 0.02, 0.0499, 0.05, 0.0501, 0.2, 1.0, 5.0, 20.0, 60.0, 300.0]


def signed(logits: list[float]) -> list[float]:
    return [sign * logit for logit in logits for sign in (1.0, -1.0)]


@pytest.mark.parametrize("logit", signed(LOGITS))
def test_continuous_bernoulli_is_a_truncated_exponential(logit: float) -> None:
    grid = np.linspace(0, 1, 11)
    values = log_density(torch.full((11,), logit), torch.tensor(grid)).numpy()
    rate = abs(logit)
    reversed_grid = 1 - grid if logit > 0 else grid
    if rate > 1e-3:
        theirs = scipy.stats.truncexpon(rate, scale=1 / rate)
        np.testing.assert_allclose(values, theirs.logpdf(reversed_grid), rtol=1e-9, atol=1e-11)
    else:  # scipy's own loses digits here: the leading terms of the series
        np.testing.assert_allclose(values, logit * (grid - 0.5) - logit**2 / 24, atol=1e-14)


@pytest.mark.parametrize("logit", signed(LOGITS))
def test_continuous_bernoulli_integrates_to_one_and_has_its_mean(logit: float) -> None:
    def density(value: np.ndarray) -> np.ndarray:
        return log_density(torch.full((len(value),), logit), torch.from_numpy(value)).exp().numpy()

    edges = [0.0, 0.02, 0.1, 0.9, 0.98, 1.0]
    for integrand, total in ((density, 1.0), (lambda value: value * density(value), expected(logit))):
        pieces = [scipy.integrate.fixed_quad(integrand, a, b, n=20)[0] for a, b in itertools.pairwise(edges)]
        assert sum(pieces) == pytest.approx(total, rel=1e-10)


def test_continuous_bernoulli_agrees_with_torch_where_torch_is_sound() -> None:
    logits = torch.tensor(signed([0.2, 1.0, 3.0, 8.0]))
    x = numbers(8).sigmoid()
    theirs = ContinuousBernoulli(logits=logits)
    torch.testing.assert_close(log_density(logits, x), theirs.log_prob(x), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(
        torch.tensor([expected(logit) for logit in logits.tolist()]), theirs.mean, rtol=1e-9, atol=0
    )


@pytest.mark.parametrize("logit", signed([0.0, 1e-6, 0.04, 0.06, 2.0, 50.0]))
def test_gradient_of_continuous_bernoulli_is_value_minus_mean(logit: float) -> None:
    x = torch.tensor([0.0, 0.3, 1.0])
    logits = torch.full((3,), logit, requires_grad=True)
    (gradient,) = torch.autograd.grad(log_density(logits, x).sum(), logits)
    torch.testing.assert_close(gradient, x - expected(logit), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_continuous_bernoulli_is_finite_at_any_logit(dtype: torch.dtype) -> None:
    logits = torch.tensor(signed([0.0, 1e-38, 1e-3, 16.0, 88.0, 1e3, 1e6, 1e15]), dtype=dtype, requires_grad=True)
    for value in (0.0, 0.5, 1.0):
        x = torch.full_like(logits, value)
        densities = log_density(logits, x)
        (gradient,) = torch.autograd.grad(densities.sum(), logits)
        assert densities.isfinite().all()
        assert gradient.isfinite().all()
        assert gradient.abs().max() <= 1


@pytest.mark.parametrize("sigma", [0.1, 1.0, 2.5])
def test_gaussian(sigma: float) -> None:
    features, x = numbers(*SHAPE), numbers(*SHAPE, part=1)
    px = likelihood("gaussian", sigma=sigma)(features)
    expected = scipy.stats.norm.logpdf(x.numpy(), features.numpy(), sigma).sum((1, 2, 3))
    np.testing.assert_allclose(px.log_prob(x), expected, rtol=1e-13)
    torch.testing.assert_close(px.log_prob(x), Normal(features, sigma).log_prob(x).sum((1, 2, 3)))
    assert torch.equal(px.mean, features)
    constant = -30 * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
    torch.testing.assert_close(px.log_prob(features), torch.full((4,), constant))


@pytest.mark.parametrize(("sigma", "floor"), [(1.0, 0.0025), (0.1, 0.05), (0.003, 0.0025), (400.0, 0.0025)])
def test_learned_gaussian_is_fitted_to_a_variance(sigma: float, floor: float) -> None:
    features, x = numbers(*SHAPE), numbers(*SHAPE, part=1)
    family = likelihood("gaussian_learned", floor=floor)
    family.fit(torch.tensor(sigma**2))
    assert family.log_sigma.exp().item() == pytest.approx(sigma, rel=1e-12)
    expected = scipy.stats.norm.logpdf(x.numpy(), features.numpy(), sigma).sum((1, 2, 3))
    np.testing.assert_allclose(family(features).log_prob(x).detach(), expected, rtol=1e-12)


def test_learned_sigma_moves_towards_the_error() -> None:
    features, x = numbers(*SHAPE), numbers(*SHAPE, part=1)
    rms = (x - features).square().mean().sqrt().item()
    for sigma in (0.5, rms, 3.0):
        family = likelihood("gaussian_learned")
        family.fit(torch.tensor(sigma**2))
        (gradient,) = torch.autograd.grad(family(features).log_prob(x).sum(), family.excess)
        slope = torch.sigmoid(family.excess).item()  # of log sigma in its parameter
        assert gradient.item() == pytest.approx(slope * x.numel() * (rms**2 / sigma**2 - 1), rel=1e-11, abs=1e-9)


def test_learned_sigma_stays_above_its_floor() -> None:
    family = likelihood("gaussian_learned", floor=0.01)
    for excess in (-5.0, -30.0, -1e4):
        family.excess.data.fill_(excess)
        sigma = family.log_sigma.exp().item()
        assert sigma * (1 + 1e-15) >= 0.01
        assert sigma == pytest.approx(0.01 * math.exp(math.log1p(math.exp(excess))), rel=1e-12)
        perfect = family(torch.zeros(1, 2, 2)).log_prob(torch.zeros(1, 2, 2)).item()
        assert perfect <= -4 * (math.log(0.01) + 0.5 * math.log(2 * math.pi)) + 1e-12


@pytest.mark.parametrize("variance", [0.0, 1e-12, 1e-4])
def test_a_variance_below_the_floor_leaves_sigma_at_the_floor_and_its_gradient_alive(variance: float) -> None:
    family = likelihood("gaussian_learned", floor=0.01)
    family.fit(torch.tensor(variance))
    assert family.log_sigma.exp().item() == pytest.approx(0.01, rel=2e-3)
    (gradient,) = torch.autograd.grad(family(numbers(*SHAPE)).log_prob(numbers(*SHAPE, part=1)).sum(), family.excess)
    assert gradient.isfinite() and gradient != 0


@pytest.mark.parametrize("spread", [0.05, 0.3, 20.0])
def test_learned_scales_start_at_the_standard_deviation_of_the_data(spread: float) -> None:
    """Of a pixel over images: what separates the pixels' means does not count."""
    noise = numbers(500, 1, 3, 4)
    x = 0.4 + spread * (numbers(1, 1, 3, 4, part=1) + (noise - noise.mean(0)) / noise.std(0, correction=0))
    families = {name: likelihood(name) for name in ("gaussian_learned", "gaussian_pixel", "discretised_logistic")}
    for family in families.values():
        family.begin(x)
    start = {name: family(torch.zeros(1, family.features, 3, 4)) for name, family in families.items()}
    assert start["gaussian_learned"].base_dist.scale.unique().item() == pytest.approx(spread, rel=1e-12)
    assert start["gaussian_pixel"].base_dist.scale.unique().item() == pytest.approx(spread, rel=1e-12)
    deviation = scipy.stats.logistic.std(scale=start["discretised_logistic"].scale.unique().item())
    assert deviation == pytest.approx(spread, rel=1e-12)


def test_a_start_on_constant_data_is_near_the_floor() -> None:
    for name in ("gaussian_learned", "gaussian_pixel", "discretised_logistic"):
        family = likelihood(name)
        family.begin(torch.full((4, 1, 2, 2), 0.5))
        px = family(torch.full((1, family.features, 2, 2), 0.0))
        assert px.log_prob(torch.zeros(1, 1, 2, 2)).isfinite().all()


@pytest.mark.parametrize("levels", [2, 3, 256])
def test_categorical(levels: int) -> None:
    features = numbers(4, 2 * levels, 3, 5)
    index = (numbers(*SHAPE, part=1).sigmoid() * levels).long()
    px = likelihood("categorical", levels=levels)(features)
    theirs = torch.distributions.Categorical(logits=features.reshape(4, 2, levels, 3, 5).movedim(2, -1))
    torch.testing.assert_close(px.log_prob(index / (levels - 1)), theirs.log_prob(index).sum((1, 2, 3)))
    mean = (theirs.probs * torch.arange(levels) / (levels - 1)).sum(-1)
    torch.testing.assert_close(px.mean, mean)


def test_two_levels_are_bernoulli() -> None:
    logits, x = numbers(*SHAPE), (numbers(*SHAPE, part=1) > 0).double()
    features = torch.stack((torch.zeros_like(logits), logits), 2).flatten(1, 2)
    ours, theirs = likelihood("categorical", levels=2)(features), likelihood("bernoulli")(logits)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x))
    torch.testing.assert_close(ours.mean, theirs.mean)


PLACES = [(0.5, 0.0), (0.02, -3.0), (-0.3, -8.0), (1.4, 1.0), (0.99, -30.0), (40.0, -2.0), (-40.0, -2.0)]


@pytest.mark.parametrize(("location", "raw"), PLACES)
def test_discretised_logistic_sums_to_one_and_has_its_mean(location: float, raw: float) -> None:
    family = likelihood("discretised_logistic")
    grid = torch.arange(256).reshape(-1, 1, 1, 1) / 255
    px = family(torch.tensor([location, raw]).reshape(1, 2, 1, 1))
    masses = px.log_prob(grid).exp()
    assert masses.sum().item() == pytest.approx(1, abs=1e-12)
    assert px.mean.item() == pytest.approx((masses * grid.flatten()).sum().item(), abs=0.5 / 255)
    theirs = scipy.stats.logistic(location, family.floor + math.log1p(math.exp(raw)))
    edges = np.concatenate(([-np.inf], (np.arange(255) + 0.5) / 255, [np.inf]))
    near = theirs.cdf(edges[1:]) - theirs.cdf(edges[:-1])
    np.testing.assert_allclose(masses.numpy(), near, atol=1e-14)


def test_discretised_logistic_is_finite_and_has_gradients_far_in_its_tails() -> None:
    features = torch.tensor([[50.0, -30.0], [-50.0, -30.0]], dtype=torch.float32).reshape(2, 2, 1, 1).requires_grad_()
    value = likelihood("discretised_logistic")(features).log_prob(torch.full((1, 1, 1), 0.5, dtype=torch.float32))
    (gradient,) = torch.autograd.grad(value.sum(), features)
    assert value.isfinite().all() and gradient.isfinite().all() and (gradient[:, 0].abs() > 1).all()


def test_gaussian_of_each_pixel() -> None:
    features, x = numbers(4, 4, 3, 5), numbers(*SHAPE, part=1)
    mean, raw = features.numpy()[:, 0::2], features.numpy()[:, 1::2]
    px = likelihood("gaussian_pixel", floor=0.2)(features)
    expected = scipy.stats.norm.logpdf(x.numpy(), mean, 0.2 + np.log1p(np.exp(raw))).sum((1, 2, 3))
    np.testing.assert_allclose(px.log_prob(x), expected, rtol=1e-12)
    np.testing.assert_array_equal(px.mean, mean)
