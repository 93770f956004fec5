"""The decoder's variance against the error that it should equal."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from vaebench import random
from vaebench.evaluation.subject import Subject
from vaebench.flavours.distortions.sigma_vae import CalibratedDecoder, sigma_vae
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack

IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
DESIGN = Design((1, 8, 8), 2, mlp((1, 8, 8), hidden=(16,)), catalogue.load("likelihoods", "bernoulli"))
X = IMAGES[:40] / 255


def test_the_distortion_is_least_at_the_batch_s_own_variance(float64: None) -> None:
    model, x = sigma_vae.initial(DESIGN, {}, 0), X.double()
    with random.stream(torch.tensor(1)):
        terms, updates = sigma_vae.terms("model", model, x, {"momentum": 0.0, "floor": 1e-6})
    with random.stream(torch.tensor(1)), torch.no_grad():
        draw = model(x)
    log_sigma = updates["decoder.log_sigma"].detach()
    torch.testing.assert_close(log_sigma.exp() ** 2, (x - draw.px.mean).square().mean())

    def distortion(shift: float) -> float:
        model.decoder.log_sigma.copy_(log_sigma + shift)
        return -float(model.decoder(draw.z).log_prob(x).mean().detach())

    assert distortion(0) == pytest.approx(float(terms["distortion"].mean().detach()), rel=1e-12)
    assert distortion(0) < min(distortion(0.05), distortion(-0.05))


def test_the_kept_variance_follows_training_and_its_density_is_not_tabled_beside_masses() -> None:
    training = Training(epochs=15, batch_size=50, learning_rate=0.003)
    runs = Pack(sigma_vae, DESIGN, sigma_vae.defaults, training, [0, 1], Feed(IMAGES[:1000], IMAGES[1000:1100], False))
    list(runs.train())
    x = IMAGES[:1000] / 255
    for slot in range(2):
        model = runs.finished(slot, "last")
        with torch.no_grad(), random.stream(torch.tensor(3)):
            error = (x - model(x).px.mean).square().mean().sqrt()
        assert float(model.decoder.log_sigma.exp()) == pytest.approx(float(error), rel=0.03)
    subject = Subject(model, x, x, 0, importance_samples=2, importance_images=2)
    [elbo] = catalogue.load("metrics", "elbo").rows(subject)
    assert elbo.value is None and elbo.reason == CalibratedDecoder.own_likelihood
    [mse] = catalogue.load("metrics", "mse").rows(subject)
    assert mse.value is not None and mse.value < 0.07
