"""Means over test images and their errors, and expectations of posteriors, against values that are known."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from linear_gaussian import linear
from torch import Tensor, nn

import vaebench
from vaebench.data.binarisation import scaled
from vaebench.evaluation.metric import Row, metric
from vaebench.evaluation.metrics.latent.active_units import active_units
from vaebench.evaluation.metrics.likelihood.elbo import elbo
from vaebench.evaluation.metrics.likelihood.nll import nll
from vaebench.evaluation.subject import Subject
from vaebench.model.abilities import REASONS
from vaebench.model.distributions.flowed import Flowed
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flows.flow import Flow
from vaebench.model.vae import VAE


def before(model: Any, x: Tensor, *, samples: int = 200, images: int = 10**6, **options: Any) -> Subject:
    return Subject(model, x, x, 0, importance_samples=samples, importance_images=images, **options)


def row(of: Any, subject: Any) -> Row:
    (found,) = of.rows(subject)
    return found


# The mechanism


def test_a_mean_over_images_has_a_standard_error() -> None:
    each = torch.tensor([1.0, 2.0, 4.0, 9.0])
    found = row(metric(unit="", better=None)(lambda subject: each), None)
    assert (found.value, found.reason) == (4.0, "")
    assert found.error == pytest.approx(np.std(each.numpy(), ddof=1) / 2)
    assert found.each is not None and found.each.dtype == torch.float64 and found.each.tolist() == each.tolist()


def test_one_image_has_no_error_and_a_number_no_images() -> None:
    assert row(metric(unit="", better=None)(lambda subject: torch.tensor([3.0])), None)[1:3] == (3.0, None)
    assert row(metric(unit="", better=None)(lambda subject: 3.0), None)[1:] == (3.0, None, None, "")


def test_what_is_not_finite_says_for_how_many_images() -> None:
    each = torch.tensor([1.0, torch.inf, torch.nan])
    found = row(metric(unit="", better=None)(lambda subject: each), None)
    assert found[1:] == (None, None, None, "it is not finite for 2 of 3 images")
    found = row(metric(unit="", better=None)(lambda subject: math.inf), None)
    assert (found.value, found.reason) == (None, "the value is inf")


def test_suffixes_take_means_over_images_too() -> None:
    made = metric(unit="", better=None)(lambda subject: {"a": torch.tensor([1.0, 3.0]), "b": 5.0})
    assert [found[1:3] for found in made.rows(None)] == [(2.0, 1.0), (5.0, None)]


# NLL


@pytest.fixture
def wide(float64: None) -> tuple[VAE, Tensor, Tensor]:
    """A model whose posterior is too wide, its data, and their exact log evidence."""
    model, x, evidence = linear(orthogonal=False)
    return model, x, torch.tensor(evidence)


def test_elbo_and_nll_are_on_either_side_of_the_evidence(wide: tuple[VAE, Tensor, Tensor]) -> None:
    model, x, evidence = wide
    subject = before(model, x, images=40)
    bound, estimate = row(elbo, subject), row(nll, subject)
    assert bound.value is not None and estimate.value is not None and estimate.error is not None
    assert bound.value < -estimate.value < evidence.mean() + 4 * estimate.error
    # Of 40 images with weights, the ELBO of all 400 makes an estimate for all.
    subset = subject.log_w.logsumexp(0) - math.log(200)
    assert abs(-estimate.value - evidence.mean()) < 0.5 * abs(subset.mean() - evidence.mean())
    assert estimate.error < 0.5 * subset.std() / 40**0.5
    assert estimate.each is not None
    looked = estimate.each.isfinite().nonzero()[:, 0]
    assert looked.tolist() == list(range(0, 400, 10))
    torch.testing.assert_close(-estimate.each[looked], evidence[looked], rtol=0, atol=0.3)


def test_nll_of_all_images_is_their_plain_mean(wide: tuple[VAE, Tensor, Tensor]) -> None:
    model, x, _ = wide
    subject = before(model, x[:50], samples=20)
    each = math.log(20) - subject.log_w.logsumexp(0)
    found = row(nll, subject)
    assert found.value == float(each.mean())
    assert found.error == pytest.approx(float(each.std() / 50**0.5), rel=1e-12)
    assert found.each is not None and torch.equal(found.each, each)
    assert row(nll, before(model, x[:1], samples=20)).error is None


@pytest.mark.parametrize("correlation", [-0.8, 0.0, 0.6])
def test_the_error_of_the_nll_is_its_spread_over_test_sets(correlation: float) -> None:
    """1000 test sets of 300 images, of which 60 have weights: two each, whose mean logarithm is the ELBO."""
    noise = torch.tensor(np.random.default_rng(0).normal(size=(1000, 3, 300)))
    chosen = torch.arange(60) * 5
    found, alone = [], []
    for image, other, sample in noise:
        bound, spread = 3 * image, 2 + correlation * image + (1 - correlation**2) ** 0.5 * other
        log_w = (bound + torch.stack((spread, -spread)))[:, chosen]
        found.append(nll.measure(SimpleNamespace(log_w=log_w, elbo=bound + 2 * sample, chosen=chosen))[:2])
        alone.append(float(log_w.logsumexp(0).mean()))
    value, error = np.array(found).T
    assert np.sqrt(np.mean(error**2)) == pytest.approx(np.std(value), rel=0.08)
    assert np.std(value) < 0.75 * np.std(alone)  # the spread of the means of 60 images


# Expectations


class Exponential(Flow):
    """Coordinates to their exponentials."""

    def forward(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return z.exp(), z.sum(-1)


class LogNormalEncoder(nn.Module):
    """The first pixels, by ``weights``, are means of the logarithms, whose standard deviations are 1."""

    def __init__(self, weights: list[float]) -> None:
        super().__init__()
        self.weights, self.flow = torch.tensor(weights), Exponential()

    def forward(self, x: Tensor) -> Flowed:
        means = self.weights * x.flatten(1)[:, : len(self.weights)]
        return Flowed(Gaussian(means, torch.zeros_like(means)), self.flow)


def test_active_units_are_those_of_the_expectation(float64: None) -> None:
    """Of log-normals, whose expectation is not the exponential of the mean, and whose spread is no activity."""
    weights = [0.0775, 0.0, 1.0]
    template, *_ = linear(orthogonal=True)
    model = VAE(encoder=LogNormalEncoder(weights), prior=template.prior, decoder=template.decoder, posterior=None)
    x = torch.tensor(np.random.default_rng(0).normal(size=(40_000, 1, 4, 4)))
    subject = before(model, x)
    exact = (torch.tensor(weights) * x.flatten(1)[:, :3] + 0.5).exp()
    one, other = subject.expectations
    estimated = ((one - one.mean(0)) * (other - other.mean(0))).mean(0)
    torch.testing.assert_close(estimated[:2], exact.var(0)[:2], rtol=0, atol=0.005)
    torch.testing.assert_close(estimated[2], exact.var(0)[2], rtol=0.1, atol=0)
    point = model.encode(x).var(0)
    assert point[0] < 0.01 < exact.var(0)[0] and exact.var(0)[1] == 0
    assert (one.var(0) > 0.01).all()  # noise of the samples counted as activity
    assert active_units.measure(subject) == 2


def test_active_units_of_a_linear_gaussian_model(float64: None) -> None:
    """The posterior's mean varies by w^2 / (w^2 + sigma^2) over the model's own data, for w = 1.5 and 0.7."""
    model, x, _ = linear(orthogonal=True)
    one, other = before(model, x).expectations
    assert torch.equal(one, other)
    np.testing.assert_allclose(one.var(0), [w**2 / (w**2 + 0.3**2) for w in (1.5, 0.7)], rtol=0.15)
    assert row(active_units, before(model, x)).value == 2
    assert row(active_units, before(model, 0.01 * x + 0.99 * x.mean(0))).value == 0


@pytest.fixture(scope="module")
def images() -> Tensor:
    return scaled(vaebench.dataset("digits").test.images[:12])


@pytest.mark.parametrize("name", ["vae_lin_nf", "vae_iaf", "hvae", "auxiliary_vae"])
@torch.no_grad()
def test_expectations_are_those_of_many_samples(images: Tensor, name: str) -> None:
    torch.manual_seed(0)
    model = vaebench.build(name, (1, 8, 8), latent=3, network_settings={"hidden": [16]})
    subject = before(model, images)
    many = torch.cat([model(images, 500).z for _ in range(4)]).double()
    for estimate in subject.expectations:
        deviation = (estimate - many.mean(0)) / (many.std(0) * (1 / 16 + 1 / 2000) ** 0.5)
        assert deviation.square().mean() < 1.9 and deviation.abs().max() < 4.5
    one, other = subject.expectations
    assert not torch.equal(one, other)
    again = before(model, images).expectations
    assert torch.equal(one, again[0]) and torch.equal(other, again[1])


@pytest.mark.parametrize("name", ["svae", "poincare_vae", "vq_vae", "gumbel_vae"])
def test_coordinates_that_are_no_units_have_no_count(images: Tensor, name: str) -> None:
    found = row(active_units, before(vaebench.build(name, (1, 8, 8), latent=2), images))
    assert (found.value, found.reason) == (None, REASONS["euclidean"])
