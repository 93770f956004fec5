"""Bounds and metrics against a model whose evidence is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from linear_gaussian import LATENT, PIXELS, SHAPE, SIGMA, design, linear
from sklearn.decomposition import PCA
from torch import Tensor

from vaebench import random
from vaebench.evaluation.subject import Subject
from vaebench.flavours.gaussian.vae import vae
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack


def subject(model: VAE, x: Tensor, samples: int, seed: int = 0) -> Subject:
    return Subject(model, x, x, seed, importance_samples=samples, importance_images=len(x))


def value(name: str, *arguments) -> float:
    return dict(row[:2] for row in catalogue.load("metrics", name).rows(subject(*arguments)))[name]


def test_elbo_equals_the_evidence_at_the_exact_posterior(float64: None) -> None:
    model, x, evidence = linear(orthogonal=True)
    with torch.no_grad(), random.stream(torch.tensor(1)):
        draw = model(x, 50)
    # With the exact posterior every importance weight is the evidence itself, whatever was drawn.
    torch.testing.assert_close(draw.log_w, torch.tensor(evidence).expand(50, -1), rtol=1e-9, atol=1e-9)
    assert value("nll", model, x, 10) == pytest.approx(-evidence.mean(), abs=1e-9)
    assert value("effective_sample_size", model, x, 10) == pytest.approx(10, abs=1e-6)
    bounds = [value("elbo", model, x, 1, seed) for seed in range(30)]
    error = np.std(bounds, ddof=1) / math.sqrt(len(bounds))
    assert abs(np.mean(bounds) - evidence.mean()) < 4 * error < 0.1


def test_elbo_stays_below_the_evidence_and_importance_sampling_climbs_to_it(float64: None) -> None:
    model, x, evidence = linear(orthogonal=False)
    bounds = [value("elbo", model, x, 1, seed) for seed in range(30)]
    error = np.std(bounds, ddof=1) / math.sqrt(len(bounds))
    gap = evidence.mean() - np.mean(bounds)
    assert gap > 10 * error
    likelihoods = [-value("nll", model, x, samples) for samples in (1, 4, 2000)]
    assert likelihoods == sorted(likelihoods)
    assert evidence.mean() - likelihoods[-1] == pytest.approx(0, abs=0.005)
    assert value("effective_sample_size", model, x, 100) < 90


def test_the_gap_is_the_kl_to_the_exact_posterior(float64: None) -> None:
    """evidence - ELBO = KL(q || p(z|x)), here in closed form."""
    model, x, evidence = linear(orthogonal=False)
    weight = model.decoder.network[0].weight.detach()
    precision = (weight.T @ weight + SIGMA**2 * torch.eye(LATENT)) / SIGMA**2
    exact = torch.distributions.MultivariateNormal(torch.zeros(LATENT), precision_matrix=precision)
    scale = model.encoder(x).stddev[0].detach()
    q = torch.distributions.MultivariateNormal(torch.zeros(LATENT), scale_tril=scale.diag())
    gap = float(torch.distributions.kl_divergence(q, exact))
    bounds = [value("elbo", model, x, 1, seed) for seed in range(60)]
    error = np.std(bounds, ddof=1) / math.sqrt(len(bounds))
    assert evidence.mean() - np.mean(bounds) == pytest.approx(gap, abs=4 * error)


def test_quadrature_over_the_latent_plane_is_the_evidence(float64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    from benchmarks.quadrature import evidence

    model, x, exact = linear(orthogonal=False)
    np.testing.assert_allclose(evidence(model, x[:3]), exact[:3], atol=1e-6)


def test_training_a_linear_vae_reaches_the_evidence_of_probabilistic_pca() -> None:
    """The engine's optimum against scikit-learn's maximum-likelihood solution, within 0.1 nat and never above it."""
    generator = np.random.default_rng(1)
    latent = generator.normal(size=(1000, LATENT)) @ (generator.normal(size=(LATENT, PIXELS)) * 0.12)
    x = latent + 0.5 + 0.04 * generator.normal(size=(1000, PIXELS))
    images = torch.tensor(np.rint(x.clip(0, 1) * 255).astype(np.uint8)).reshape(-1, *SHAPE)
    training = Training(epochs=120, batch_size=200, learning_rate=0.1, schedule="cosine")
    runs = Pack(vae, design("gaussian_learned"), {}, training, [0], Feed(images, images, dynamic=False))
    list(runs.train())
    pixels = images.float() / 255
    pca = PCA(LATENT).fit(pixels.flatten(1).numpy())
    optimum = pca.score(pixels.flatten(1).numpy())
    bounds = [value("elbo", runs.finished(0, "last"), pixels, 1, seed) for seed in range(10)]
    error = np.std(bounds, ddof=1) / math.sqrt(len(bounds))
    assert optimum - 0.1 < np.mean(bounds) < optimum + 4 * error
    sigma = float(runs.finished(0, "last").decoder.likelihood.log_sigma.exp().detach())
    assert sigma == pytest.approx(math.sqrt(pca.noise_variance_), rel=0.02)
