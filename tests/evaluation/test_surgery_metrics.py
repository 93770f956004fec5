"""The parts of a rate, of posteriors whose mixture is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from linear_gaussian import SIGMA, linear
from torch import Tensor, nn

import vaebench
from vaebench import random
from vaebench.evaluation.aggregate import _gaussian
from vaebench.evaluation.metric import Row
from vaebench.evaluation.subject import Subject
from vaebench.model.abilities import REASONS
from vaebench.model.distributions.delta import Delta
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.vae import VAE, Draw
from vaebench.study import catalogue

Array = np.ndarray
METRICS = ("mutual_information", "marginal_kl", "total_correlation", "dimension_wise_kl")


class Encoder(nn.Module):
    """Pixels (images, columns) to a distribution."""

    def __init__(self, posterior: Callable[[Tensor], Gaussian]) -> None:
        super().__init__()
        self.posterior = posterior

    def forward(self, x: Tensor) -> Gaussian:
        return self.posterior(x.flatten(1))


class Prior(nn.Module):
    """A standard normal law of two coordinates."""

    def forward(self, encoder: nn.Module) -> Gaussian:
        return Gaussian(torch.zeros(2), torch.zeros(2))


class Decoder(nn.Module):
    def forward(self, z: Tensor) -> Delta:
        return Delta(z[..., :1, None, None], event_dims=3)


def before(model: VAE, x: Tensor, chosen: int = 10, seed: int = 0) -> Subject:
    return Subject(model, x, x, seed, importance_samples=1, importance_images=chosen)


def of_means(means: Array, std: float = 1.0) -> Subject:
    """Posteriors around these (images, 2), in all directions of one deviation."""
    images = torch.tensor(means, dtype=torch.float32)[:, :, None, None]
    encoder = Encoder(lambda x: Gaussian(x, torch.full_like(x, math.log(std))))
    return before(VAE(encoder=encoder, prior=Prior(), decoder=Decoder(), posterior=None), images)


def measured(subject: Subject, names: tuple[str, ...] = METRICS) -> dict[str, Row]:
    return {row.name: row for name in names for row in catalogue.load("metrics", name).rows(subject)}


def values(subject: Subject, names: tuple[str, ...] = METRICS) -> dict[str, float]:
    return {name: row.value for name, row in measured(subject, names).items()}


def drawn(subject: Subject, batch: int = 1000) -> list[Draw]:
    """The passes that the parts are told from, by batch."""
    key = torch.tensor(random.key(subject.seed, "aggregate"))
    found = []
    for part, x in enumerate(subject.observed.split(batch)):
        with torch.no_grad(), random.stream(random.fold(key, part)):
            found.append(subject.model(x))
    return found


def mixed(log_densities: Array) -> Array:
    """Log density of the mixture from those of its components, (draws, components)."""
    return np.log(np.exp(log_densities - log_densities.max(1, keepdims=True)).mean(1)) + log_densities.max(1)


# Closed forms


def test_a_constant_posterior_knows_nothing_of_images() -> None:
    """Its mixture is itself."""
    subject = of_means(np.tile([0.5, -1.0], (900, 1)), std=0.5)
    found = measured(subject)
    assert found["mutual_information"].value == pytest.approx(0, abs=1e-6)
    assert found["total_correlation"].value == pytest.approx(0, abs=1e-6)
    divergence = sum(0.5 * (0.25 + mean**2 - 1) - math.log(0.5) for mean in (0.5, -1))
    for name in ("marginal_kl", "dimension_wise_kl"):
        assert abs(found[name].value - divergence) < 4 * found[name].error < 0.15


@pytest.mark.parametrize("count", [9, 64])
def test_posteriors_that_do_not_overlap_tell_the_image(count: int) -> None:
    """And one coordinate the other, on a diagonal: the mixture's mass is that of the image's own part."""
    steps = 100.0 * np.arange(count)
    found = values(of_means(np.stack((steps, -steps), 1)))
    assert found["mutual_information"] == pytest.approx(math.log(count), abs=1e-5)
    assert found["total_correlation"] == pytest.approx(math.log(count), abs=1e-5)


def test_coordinates_on_a_grid_are_independent() -> None:
    steps = 100.0 * np.arange(8)
    found = values(of_means(np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)))
    assert found["mutual_information"] == pytest.approx(math.log(64), abs=1e-5)
    assert found["total_correlation"] == pytest.approx(0, abs=1e-5)
    assert found["dimension_wise_kl"] == pytest.approx(found["marginal_kl"], abs=1e-4)


def test_information_is_at_most_the_logarithm_of_the_count() -> None:
    draws = np.random.Generator(np.random.PCG64(0))
    for spread in (0.1, 1, 3, 10):
        each = measured(of_means(spread * draws.normal(size=(50, 2))))["mutual_information"].each
        assert float(each.max()) <= math.log(50) + 1e-5
    assert float(each.mean()) > 0.7 * math.log(50)


def test_the_exact_posterior_of_a_linear_model(float64: None) -> None:
    """Its mixture tends to the prior, and the rate is information: that of a Gaussian channel."""
    model, x, _ = linear(orthogonal=True)
    found = measured(before(model, x))
    weight = model.decoder.network[0].weight
    capacity = 0.5 * torch.linalg.slogdet(torch.eye(2) + weight.T @ weight / SIGMA**2)[1].item()
    assert found["mutual_information"].value == pytest.approx(capacity, abs=0.1)
    assert found["marginal_kl"].value == pytest.approx(0, abs=0.1)
    assert found["total_correlation"].value == pytest.approx(0, abs=0.1)
    assert capacity > 2


# Sums


def check_sums(subject: Subject, batch: int = 1000) -> None:
    found = values(subject)
    passes = drawn(subject, batch)
    rate = torch.cat([draw.q.log_prob(draw.z) - draw.p.log_prob(draw.z) for draw in passes]).double().mean().item()
    assert found["mutual_information"] + found["marginal_kl"] == pytest.approx(rate, abs=1e-5)
    split = found["total_correlation"] + found["dimension_wise_kl"]
    assert found["marginal_kl"] == pytest.approx(split, abs=1e-5)


def images(count: int) -> Tensor:
    return random.Stream(torch.tensor(7)).uniform((count, 1, 8, 8), torch.float32)


def built(flavour: str, **settings: object) -> VAE:
    """An untrained model whose posteriors lie further apart than at its start."""
    model = vaebench.build(flavour, (1, 8, 8), latent=2, network_settings={"hidden": [16]}, **settings).eval()
    with torch.no_grad():
        model.encoder.network[-1].weight *= 8
    return model


def test_parts_of_a_model_one_pair_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the batches and the chunks."""
    for batch, chunk in ((1000, 500), (25, 7)):
        monkeypatch.setattr("vaebench.evaluation.aggregate.EVALUATION_BATCH", batch)
        monkeypatch.setattr("vaebench.evaluation.aggregate.CHUNK", chunk)
        subject = before(built("vae"), images(60), seed=3)
        passes = drawn(subject, batch)
        z = torch.cat([draw.z for draw in passes]).double().numpy()
        mean, std = (
            torch.cat([getattr(draw.q, name) for draw in passes]).double().numpy() for name in ("mean", "stddev")
        )
        each = scipy.stats.norm.logpdf(z[:, None], mean, std)  # (draws, components, latent)
        whole = mixed(each.sum(-1))
        parts = mixed(each[..., 0]) + mixed(each[..., 1])
        own = np.array([each[place, place].sum() for place in range(60)])
        prior = scipy.stats.norm.logpdf(z).sum(1)
        found = measured(subject)
        for name, expected in zip(METRICS, (own - whole, whole - prior, whole - parts, parts - prior), strict=True):
            np.testing.assert_allclose(found[name].each, expected, atol=2e-5)
            assert found[name].value == pytest.approx(expected.mean(), abs=1e-5)
            assert found[name].error == pytest.approx(expected.std(ddof=1) / math.sqrt(60), abs=1e-5)
        assert found["mutual_information"].value > 0.2
        check_sums(subject, batch)


# Other posteriors


def check_any(subject: Subject, log_densities: Array, prior: Array) -> None:
    """Of log densities of all draws in all posteriors (draws, components), and in the prior: half are looked at.

    Densities are float32: of thousands of nats they have but four digits behind the point.
    """
    chosen = np.arange(0, len(log_densities), 2)
    found = measured(subject)
    whole = mixed(log_densities)
    for name, each in (("mutual_information", log_densities.diagonal() - whole), ("marginal_kl", whole - prior)):
        np.testing.assert_allclose(found[name].each[chosen], each[chosen], atol=2e-4)
        assert found[name].each[1::2].isnan().all()
        assert found[name].value == pytest.approx(each[chosen].mean(), rel=2e-7, abs=1e-4)
        error = each[chosen].std(ddof=1) / math.sqrt(len(chosen))
        assert found[name].error == pytest.approx(error, rel=2e-7, abs=1e-4)
    assert found["mutual_information"].value > 0.05
    for name in ("total_correlation", "dimension_wise_kl"):
        assert (found[name].value, found[name].reason) == (None, REASONS["gaussian"])


@pytest.fixture(params=[(1000, 50), (8, 3)])
def parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Images of a batch."""
    batch, few = request.param
    monkeypatch.setattr("vaebench.evaluation.aggregate.EVALUATION_BATCH", batch)
    monkeypatch.setattr("vaebench.evaluation.aggregate.FEW", few)
    return batch


def test_posteriors_on_a_sphere(parts: int) -> None:
    subject = before(built("svae"), images(20), chosen=10)
    passes = drawn(subject, parts)
    z, direction = (
        torch.nn.functional.normalize(torch.cat(each).double(), dim=1).numpy()
        for each in ([draw.z for draw in passes], [draw.q.direction for draw in passes])
    )
    kappa = torch.cat([draw.q.concentration for draw in passes]).numpy()
    laws = [scipy.stats.vonmises_fisher(mu, scale) for mu, scale in zip(direction, kappa, strict=True)]
    each = np.stack([law.logpdf(z) for law in laws], 1)
    check_any(subject, each, np.full(20, -math.log(4 * math.pi)))


def test_posteriors_in_the_ball(parts: int) -> None:
    """Normal laws of geodesic distances, in a curvature of -0.7."""
    subject = before(built("poincare_vae"), images(20), chosen=10)
    passes = drawn(subject, parts)
    z, mean = (torch.cat(each).double().numpy() for each in ([d.z for d in passes], [d.q.mean for d in passes]))
    std = torch.cat([draw.q.vector.stddev[:, 0] for draw in passes]).double().numpy()

    def log_density(value: Array, centre: Array, scale: Array) -> Array:
        gap = ((value - centre) ** 2).sum(-1)
        room = (1 - 0.7 * (value**2).sum(-1)) * (1 - 0.7 * (centre**2).sum(-1))
        distance = np.arccosh(1 + 2 * 0.7 * gap / room) / math.sqrt(0.7)
        stretch = np.sinh(math.sqrt(0.7) * distance) / (math.sqrt(0.7) * distance)
        return -0.5 * (distance / scale) ** 2 - np.log(2 * np.pi * scale**2) - np.log(stretch)

    check_any(subject, log_density(z[:, None], mean, std), log_density(z, np.zeros(2), np.ones(20)))


@pytest.mark.parametrize("flavour", ["vae_iaf", "vae_flow"])
def test_posteriors_of_flows(parts: int, flavour: str) -> None:
    """Their inverse is given the context of each image."""
    model = built(flavour)
    with torch.no_grad():
        for number, weights in enumerate(model.encoder.parameters()):
            weights += 0.1 * random.Stream(torch.tensor(number)).normal(weights.shape, torch.float32)
    subject = before(model, images(20), chosen=10)
    z = torch.cat([draw.z for draw in drawn(subject, parts)])
    with torch.no_grad():
        alone = [model.encoder(image[None]) for image in subject.observed]
        each = np.array([[law.log_prob(draw[None]).item() for law in alone] for draw in z])
    check_any(subject, each, scipy.stats.norm.logpdf(z.double().numpy()).sum(1))


def test_posteriors_of_bits(parts: int) -> None:
    """Masses of two bits, of four codes that are equally likely a priori."""
    subject = before(built("gumbel_vae"), images(20), chosen=10)
    passes = drawn(subject, parts)
    z = torch.cat([draw.z for draw in passes]).round().double().numpy()
    share = torch.cat([draw.q.logits for draw in passes]).sigmoid().double().numpy()
    each = np.log(np.where(z[:, None] == 1, share, 1 - share)).sum(-1)
    check_any(subject, each, np.full(20, -z.shape[1] * math.log(2)))


def test_a_density_too_small_for_float64_has_a_logarithm() -> None:
    """Draws are rounded to float32, which posteriors like needles do not forgive."""
    z, mean = torch.tensor([[0.0, 60.0], [50.0, 1.0]]).double(), torch.tensor([[0.0, 0.0], [1.0, 1.0]]).double()
    whole, parts = _gaussian(z, mean, torch.zeros(2, 2).double())
    each = scipy.stats.norm.logpdf(z.numpy()[:, None], mean.numpy())
    assert (each.max(1).min(-1) < -1000).all()
    np.testing.assert_allclose(whole, scipy.special.logsumexp(each.sum(-1), 1) - math.log(2))
    np.testing.assert_allclose(parts, scipy.special.logsumexp(each, 1).sum(-1) - 2 * math.log(2))


# Missing values


def test_densities_that_are_not_finite() -> None:
    subject = of_means(np.arange(40.0).reshape(20, 2))
    subject.model.encoder.posterior = lambda x: Gaussian(x, torch.where(x == 7, torch.nan, 0.0))
    rows = measured(subject)
    reason = "the density of its aggregated posterior is not finite"
    assert {(row.value, row.reason) for row in rows.values()} == {(None, reason)}


@pytest.mark.parametrize("flavour", ["ae", "hvae", "vq_vae", "vae_lin_nf"])
def test_models_without_a_density_at_any_latent(flavour: str) -> None:
    model = vaebench.build(flavour, (1, 8, 8), latent=2, network_settings={"hidden": [16]}).eval()
    rows = measured(before(model, images(4)))
    reason = REASONS["posterior" if flavour == "ae" else "density"]
    assert {rows[name].reason for name in ("mutual_information", "marginal_kl")} == {reason}
    assert {row.value for row in rows.values()} == {None}
