"""The evidence by quadrature, enumeration and annealing, against values that are known or found in another way."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from linear_gaussian import LATENT, PIXELS, SIGMA, linear
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, kl_divergence

import vaebench
from vaebench import random
from vaebench.errors import Missing
from vaebench.evaluation.evidence.annealing import PILOTS, Annealing, Hamiltonian, Metropolis, log_weights, schedule
from vaebench.evaluation.evidence.coordinates import Continuous, Discrete, coordinates
from vaebench.evaluation.evidence.enumeration import enumeration
from vaebench.evaluation.evidence.evidence import Evidence
from vaebench.evaluation.evidence.simulation import simulated
from vaebench.evaluation.metric import Row
from vaebench.evaluation.subject import Subject
from vaebench.model.abilities import REASONS
from vaebench.model.vae import VAE
from vaebench.samplers.catalogue.gaussian_mixture import FullMixture
from vaebench.study import catalogue


def before(model: VAE, x: Tensor, *, images: int = 100, temperatures: int = 100, seed: int = 0) -> Subject:
    counts = {"evidence_images": images, "evidence_temperatures": temperatures}
    return Subject(model, x, x, seed, importance_samples=10, importance_images=10, **counts)


def row(name: str, subject: Subject) -> Row:
    (found,) = catalogue.load("metrics", name).rows(subject)
    return found


def noise(seed: int) -> Any:
    return random.stream(torch.tensor(random.key(seed, "test")))


def spoilt(model: VAE, scale: float = 1.2) -> VAE:
    """Weights that vary enough for latents to matter, and for flows to do something."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in (*model.get_submodule("prior").parameters(), *model.decoder.parameters()):
            if parameter.dim():
                size = parameter.shape[-1] if parameter.dim() > 1 else 4
                parameter.copy_(scale * torch.randn(parameter.shape, generator=generator) / size**0.5)
    return model


def small(flavour: str, latent: int, **settings: Any) -> VAE:
    """A model of 4 pixels in float64, whose decoder is far from linear."""
    parts = {"network_settings": {"hidden": [6]}, "likelihood": "gaussian", "likelihood_settings": {"sigma": 0.8}}
    model = vaebench.build(flavour, (1, 2, 2), latent=latent, convention="none", hyperparameters=settings, **parts)
    return spoilt(model)


@torch.no_grad()
def images(model: VAE, count: int) -> Tensor:
    assert model.prior is not None
    with noise(1):
        return simulated(model.decoder(model.prior(model.encoder).rsample(torch.Size((count,)))))


@torch.no_grad()
def plain(model: VAE, x: Tensor, draws: int = 100_000) -> tuple[Tensor, Tensor]:
    """The logarithm of the mean likelihood at draws of the prior, and its standard error, (images,) both."""
    assert model.prior is not None
    with noise(2):
        z = model.prior(model.encoder).rsample(torch.Size((draws,)))
    px = model.decoder(z)
    return logarithm_of_mean(torch.stack([px.log_prob(image) for image in x], -1))


def logarithm_of_mean(log_w: Tensor) -> tuple[Tensor, Tensor]:
    """Of weights (draws, images), and its standard error, (images,) both."""
    mean = log_w.logsumexp(0) - math.log(len(log_w))
    return mean, (log_w - mean).exp().std(0) / len(log_w) ** 0.5


# Quadrature


@pytest.mark.parametrize("orthogonal", [True, False])
def test_quadrature_is_the_evidence_of_a_linear_model(float64: None, orthogonal: bool) -> None:
    model, x, evidence = linear(orthogonal)
    subject = before(model, x, images=20)
    found = row("evidence_nll", subject)
    assert subject.evidence.exact
    assert found.each is not None and found.value is not None
    looked = found.each.isfinite().nonzero()[:, 0]
    assert looked.tolist() == list(range(0, 400, 20))
    np.testing.assert_allclose(found.each[looked], -evidence[::20], atol=1e-6)
    assert found.value == pytest.approx(-evidence[::20].mean(), abs=1e-6)
    assert found.error == pytest.approx(evidence[::20].std(ddof=1) / 20**0.5, abs=1e-6)
    assert row("bdmc_gap", subject)[1:3] == (0.0, None)


@pytest.mark.parametrize(
    ("flavour", "latent", "settings"),
    [
        ("vae", 1, {}),
        ("swae", 2, {}),
        ("svae", 1, {}),
        ("svae", 2, {}),
        ("poincare_vae", 2, {"decoding": "logarithm"}),
        ("poincare_vae", 2, {"prior_normal": "riemannian", "posterior_normal": "riemannian"}),
        ("flow_prior_vae", 2, {"layers": 2, "hidden": [4]}),
        ("mixture_vae", 2, {"components": 3}),
        ("vamp", 2, {"components": 3}),
    ],
)
def test_quadrature_is_the_mean_likelihood_over_any_prior(
    float64: None, flavour: str, latent: int, settings: dict[str, Any]
) -> None:
    model = small(flavour, latent, **settings)
    x = images(model, 6)
    mean, error = plain(model, x)
    found = before(model, x).evidence
    assert found.exact
    assert error.max() < 0.05 < 0.1 < mean.std()
    assert ((found.log_p - mean).abs() < 4.5 * error).all()


def test_the_evidence_under_a_density_in_place_of_the_prior(float64: None) -> None:
    """Of a linear decoder and a mixture of Gaussians it is a mixture of Gaussians."""
    model, x, _ = linear(False)
    weights, means = torch.tensor([0.3, 0.7]), torch.tensor([[0.5, -1.0], [-2.0, 0.0]])
    roots = torch.tensor([[[0.5, 0.0], [0.2, 0.4]], [[1.0, 0.0], [-0.3, 0.8]]])
    evidence = Evidence(before(model, x, images=10), FullMixture(weights, means, roots))
    weight, offset = (value.detach().numpy() for value in model.decoder.network[0].parameters())
    parts = [
        w
        * scipy.stats.multivariate_normal(
            weight @ m + offset, weight @ r @ r.T @ weight.T + SIGMA**2 * np.eye(PIXELS)
        ).pdf(x[::40].reshape(10, -1))
        for w, m, r in zip(weights.numpy(), means.numpy(), roots.numpy(), strict=True)
    ]
    np.testing.assert_allclose(evidence.log_p, np.log(sum(parts)), atol=1e-5)
    assert catalogue.load("metrics", "ex_post_nll").measure(evidence).value == pytest.approx(-np.log(sum(parts)).mean())


def test_quadrature_that_does_not_converge_is_missing(float64: None) -> None:
    model, x, _ = linear(orthogonal=True)
    model.decoder.likelihood.sigma = 1e-9
    found = row("evidence_nll", before(model, x, images=3))
    assert found.value is None
    assert found.reason.startswith("its integral over latents does not converge: halved cells change it by ")


# Enumeration


@pytest.mark.parametrize(
    ("flavour", "settings", "codes"),
    [("gumbel_vae", {}, 2), ("fsq_vae", {"levels": 3}, 3), ("vq_vae", {"codes": 4, "code_size": 1}, 4)],
)
def test_enumeration_is_a_loop_over_all_codes(
    float64: None, flavour: str, settings: dict[str, Any], codes: int
) -> None:
    model = small(flavour, 3, **settings)
    x = images(model, 4)
    entries = model.encoder.codebook[:, 0].tolist()
    assert len(entries) == codes
    for image, found in zip(x, before(model, x).evidence.log_p.tolist(), strict=True):
        total = 0.0
        for z in itertools.product(entries, repeat=3):
            with torch.no_grad():
                total += math.exp(model.decoder(torch.tensor([z])).log_prob(image)) / codes**3
        assert found == pytest.approx(math.log(total), abs=1e-10)


def refining(codes: int) -> VAE:
    model = small("hrq_vae", 2, codes=codes, levels=3)
    model.encoder.dropout.zero_()
    return model


def test_refined_codes_are_summed_over_all_levels(float64: None) -> None:
    model = refining(3)
    x, books = images(model, 4), model.encoder.codebooks.detach()
    with torch.no_grad():
        z = torch.stack([books[0, i] + books[1, j] + books[2, k] for i, j, k in itertools.product(range(3), repeat=3)])
        each = torch.stack([model.decoder(z).log_prob(image) for image in x])
    torch.testing.assert_close(before(model, x).evidence.log_p, each.exp().mean(1).log())


def test_a_depth_that_is_random_has_no_evidence(float64: None) -> None:
    model = small("hrq_vae", 2, codes=3, levels=3)
    reason = row("evidence_nll", before(model, torch.zeros(3, 1, 2, 2))).reason
    assert reason == "its latents are of random depth, as in training"


# Annealing


@torch.no_grad()
def annealed(model: VAE, x: Tensor, temperatures: int, seed: int = 0) -> Tensor:
    assert model.prior is not None
    with noise(seed):
        return Annealing(coordinates(model.prior(model.encoder)), model.decoder, temperatures).lower(x)


def test_the_schedule_is_a_sigmoid_from_0_to_1() -> None:
    levels = schedule(100)
    assert (levels[0], levels[-1]) == (0, 1)
    assert np.all(np.diff(levels) > 0)
    np.testing.assert_allclose(np.add(levels, levels[::-1]), 1)
    raw = scipy.stats.logistic.cdf(np.linspace(-4, 4, 101))
    np.testing.assert_allclose(levels, (raw - raw.min()) / np.ptp(raw))


def test_annealing_comes_near_the_evidence_of_a_linear_model(float64: None) -> None:
    model, x, evidence = linear(orthogonal=False)
    gaps = [float((torch.tensor(evidence[:40]) - annealed(model, x[:40], many)).mean()) for many in (10, 200)]
    assert gaps[0] > 2 * abs(gaps[1])
    assert abs(gaps[1]) < 0.1


def law(model: VAE) -> tuple[np.ndarray, np.ndarray, float]:
    """Weight, offset and deviation of a linear model."""
    layer = model.decoder.network[0]
    return layer.weight.detach().numpy(), layer.bias.detach().numpy(), model.decoder.likelihood.sigma


def linear_evidence(model: VAE, x: Tensor) -> Tensor:
    weight, offset, sigma = law(model)
    pixels = scipy.stats.multivariate_normal(offset, weight @ weight.T + sigma**2 * np.eye(PIXELS))
    return torch.tensor(pixels.logpdf(x.flatten(1).numpy()))


@pytest.mark.parametrize("temperatures", [10, 120])
@torch.no_grad()
def test_both_ways_bracket_the_evidence(float64: None, temperatures: int) -> None:
    model, *_ = linear(orthogonal=False)
    ways = Annealing(coordinates(model.prior(model.encoder)), model.decoder, temperatures)
    with noise(0):
        exact = linear_evidence(model, simulated(model.decoder(ways.place.draw(100))))
    with noise(0):
        lower, upper = ways.bracket(100)
    error = max(float((bound - exact).std()) for bound in (lower, upper)) / 100**0.5
    assert (lower - exact).mean() < 3 * error
    assert (upper - exact).mean() > -3 * error
    assert (upper - lower).mean() > (3 if temperatures == 10 else 0)
    assert (upper - lower).mean() < (math.inf if temperatures == 10 else 1)


@torch.no_grad()
def test_weights_have_the_evidence_as_their_mean_and_those_back_its_inverse(float64: None) -> None:
    """With few temperatures and many chains, where a wrong weight or move would show."""
    model, x, _ = linear(orthogonal=False)
    model.decoder.likelihood.sigma = 2.0
    weight, offset, _ = law(model)
    covariance = np.linalg.inv(weight.T @ weight + 4 * np.eye(LATENT))
    means = (x[:2].flatten(1).numpy() - offset) @ weight @ covariance
    place, levels, count = coordinates(model.prior(model.encoder)), schedule(8), 20_000
    start = torch.tensor(means + np.random.default_rng(0).multivariate_normal(np.zeros(2), 4 * covariance, (count, 2)))
    steps: dict[float, Tensor] = {}
    with noise(0):
        forth = log_weights(Hamiltonian(place, model.decoder, x[:2], place.draw(count, 2), steps), levels)
        back = -log_weights(Hamiltonian(place, model.decoder, x[:2], start, steps), levels[::-1])
    assert len(steps) == 7
    evidence = linear_evidence(model, x[:2])
    for log_w, exact in ((forth, evidence), (back, -evidence)):
        found, error = logarithm_of_mean(log_w)
        assert ((found - exact).abs() < 4 * error).all()
        assert error.max() < 0.05 < 0.1 < (exact - log_w.mean(0)).min()


@pytest.mark.parametrize(
    ("flavour", "latent", "settings"),
    [
        ("vae", 3, {}),
        ("svae", 3, {}),
        ("poincare_vae", 3, {}),
        ("poincare_vae", 3, {"prior_normal": "riemannian", "posterior_normal": "riemannian"}),
        ("flow_prior_vae", 3, {"layers": 2, "hidden": [4]}),
        ("mixture_vae", 3, {"components": 3}),
        ("two_layer_vae", 1, {"top": 1, "top_hidden": [4]}),
    ],
)
@torch.no_grad()
def test_annealing_is_the_mean_likelihood_over_any_prior(
    float64: None, flavour: str, latent: int, settings: dict[str, Any]
) -> None:
    model, count = small(flavour, latent, **settings), 2000
    x = images(model, 4)
    place = coordinates(model.prior(model.encoder))
    assert isinstance(place, Continuous) and not before(model, x).evidence.exact
    with noise(0):
        chains = Hamiltonian(place, model.decoder, x, place.draw(count, 4), {})
        log_w = log_weights(chains, schedule(20))[PILOTS:]
    found, error = logarithm_of_mean(log_w)
    exact, inexact = plain(model, x)
    assert exact.std() > 0.1 > max(error.max(), inexact.max())
    assert ((found - exact).abs() < 4 * (error.square() + inexact.square()).sqrt()).all()
    assert (found - log_w.mean(0)).max() > 0.05


@pytest.mark.parametrize("make", [lambda: small("vq_vae", 4, codes=4, code_size=1), lambda: refining(5)])
@torch.no_grad()
def test_annealed_codes_agree_with_enumeration(float64: None, make: Callable[[], VAE]) -> None:
    model = make()
    x = images(model, 20)
    place = coordinates(model.prior(model.encoder))
    assert isinstance(place, Discrete) and place.count in (256, 125)
    exact = enumeration(place, model.decoder, x)
    assert float((annealed(model, x, 40) - exact).mean()) == pytest.approx(0, abs=0.1)
    with noise(3):
        lower, upper = Annealing(place, model.decoder, 40).bracket(20)
    assert (upper - lower).mean() == pytest.approx(0, abs=0.2)


@torch.no_grad()
def test_moves_of_codes_reach_their_posterior(float64: None) -> None:
    model = small("vq_vae", 2, codes=3, code_size=1)
    x, place = images(model, 1), coordinates(model.prior(model.encoder))
    assert isinstance(place, Discrete)
    table = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    posterior = (0.7 * model.decoder(place.latents(table)).log_prob(x[0])).softmax(0)
    with noise(0):
        chains = Metropolis(place, model.decoder, x, place.draw(20_000, 1))
        for _ in range(12):
            chains.move(0.7)
    found = (chains.index[:, 0] @ torch.tensor([3, 1])).bincount(minlength=9) / 20_000
    torch.testing.assert_close(found, posterior, rtol=0, atol=0.015)


def test_a_decoder_that_ignores_its_latents_is_its_own_evidence() -> None:
    """The control has an ELBO that is its evidence."""
    data = vaebench.dataset("digits")
    model = vaebench.train("mean", data, latent=3)
    subject = before(model, data.test.images[:30].float() / 255, temperatures=5)
    found = row("evidence_nll", subject)
    assert not subject.evidence.exact
    assert found.value == pytest.approx(float(row("distortion", subject).value), rel=1e-6)
    assert row("bdmc_gap", subject).value == pytest.approx(0, abs=1e-4)
    for name in ("approximation_gap", "amortisation_gap"):
        assert row(name, subject).value == pytest.approx(0, abs=1e-4)


# Gaps


def test_there_are_no_gaps_at_the_exact_posterior(float64: None) -> None:
    model, x, _ = linear(orthogonal=True)
    subject = before(model, x, images=10)
    for name in ("approximation_gap", "amortisation_gap"):
        assert row(name, subject).value == pytest.approx(0, abs=1e-6)


def test_gaps_are_the_divergences_of_the_best_and_of_the_encoders_gaussian(float64: None) -> None:
    """The best diagonal Gaussian has the diagonal of the posterior's precision."""
    model, x, _ = linear(orthogonal=False)
    with torch.no_grad():
        weight = model.decoder.network[0].weight
        precision = (weight.T @ weight + SIGMA**2 * torch.eye(LATENT)) / SIGMA**2
        zero = torch.zeros(LATENT)
        exact = MultivariateNormal(zero, precision_matrix=precision)
        best, encoded = (
            float(kl_divergence(MultivariateNormal(zero, covariance.diag()), exact))
            for covariance in (1 / precision.diag(), model.encoder(x).variance[0])
        )
        model.encoder.network[-1].bias[:LATENT] += 0.3  # which the refined ones find back from
    subject = before(model, x, images=40)
    approximation, amortisation = row("approximation_gap", subject), row("amortisation_gap", subject)
    assert approximation.value is not None and amortisation.value is not None
    assert approximation.value == pytest.approx(best, abs=0.02)
    shift = 0.5 * 0.3**2 * float(precision.sum())
    assert approximation.value + amortisation.value == pytest.approx(encoded + shift, rel=0.02)
    assert best > 0.05 and encoded - best > 0.3


def test_gaps_take_a_gaussian_posterior() -> None:
    x = torch.zeros(3, 1, 2, 2)
    for flavour in ("wae_mmd", "svae", "vq_vae"):
        for name in ("approximation_gap", "amortisation_gap"):
            found = row(name, before(vaebench.build(flavour, (1, 2, 2), latent=2), x))
            assert (found.value, found.reason) == (None, REASONS["gaussian_posterior"])


# Draws of likelihoods


@pytest.mark.parametrize(
    ("name", "settings", "features"),
    [
        ("bernoulli", {}, 1),
        ("gaussian", {"sigma": 0.3}, 1),
        ("gaussian_pixel", {}, 2),
        ("continuous_bernoulli", {}, 1),
        ("categorical", {"levels": 4}, 4),
        ("discretised_logistic", {}, 2),
    ],
)
def test_images_are_drawn_as_likely_as_they_are(
    float64: None, name: str, settings: dict[str, Any], features: int
) -> None:
    """Of one pixel: the share of draws up to a value is what the likelihood says."""
    count, family = 20_000, catalogue.load("likelihoods", name)(**settings)
    for seed, scale in enumerate((0.0, 0.3, 3.0)):
        with noise(seed):
            raw = scale * random.normal((features, 1, 1), torch.zeros(1))
            drawn = simulated(family(raw.expand(count, -1, 1, 1))).flatten().detach()

        def density(values: Tensor, raw: Tensor = raw) -> np.ndarray:
            px = family(raw.expand(len(values), -1, 1, 1))
            return px.log_prob(values[:, None, None, None]).exp().detach().numpy()

        values, counts = drawn.unique(return_counts=True)
        if len(values) <= 256:
            np.testing.assert_allclose(counts.numpy() / count, density(values), atol=0.015)
            assert density(values).sum() == pytest.approx(1, abs=0.01)
        else:
            grid = torch.linspace(*((0, 1) if name == "continuous_bernoulli" else (-9, 9)), 4001)
            share = scipy.integrate.cumulative_trapezoid(density(grid), grid.numpy(), initial=0)
            found = np.searchsorted(drawn.sort().values.numpy(), grid.numpy()) / count
            np.testing.assert_allclose(found, share, atol=0.015)


def test_what_cannot_be_drawn_or_integrated_over_is_missing() -> None:
    with pytest.raises(Missing, match="images cannot be drawn from its likelihood, 'Laplace'"):
        simulated(Independent(torch.distributions.Laplace(torch.zeros(1, 2, 2), 1.0), 3))
    with pytest.raises(Missing, match="'Laplace' is not known"):
        coordinates(torch.distributions.Laplace(0.0, 1.0))


# All


@pytest.mark.parametrize(("flavour", "latent"), [("wae_mmd", 3), ("vae", 2), ("vq_vae", 8)])
def test_values_are_a_function_of_the_seed(flavour: str, latent: int) -> None:
    model = spoilt(vaebench.build(flavour, (1, 2, 2), latent=latent, network_settings={"hidden": [6]}))
    x = (images(model, 6) > 0.5).float()
    first, again, other = (before(model, x, temperatures=10, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.evidence.log_p, again.evidence.log_p)
    assert row("bdmc_gap", first)[:2] == row("bdmc_gap", again)[:2]
    assert torch.equal(first.evidence.log_p, other.evidence.log_p) == (first.evidence.exact and flavour != "vae")
    if flavour == "vae":
        assert all(map(torch.equal, first.evidence.elbos, again.evidence.elbos))
        torch.testing.assert_close(first.evidence.log_p, other.evidence.log_p, rtol=0, atol=1e-3)


def test_a_model_without_a_prior_or_a_likelihood_has_no_evidence() -> None:
    x = torch.zeros(3, 1, 2, 2)
    found = row("evidence_nll", before(vaebench.build("rae_l2", (1, 2, 2), latent=2), x))
    assert (found.value, found.reason) == (None, REASONS["prior"])
