"""What training does not reach: scales of likelihoods fitted afterwards, and weights that follow the size of images."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from vaebench import random
from vaebench.data.binarisation import fixed
from vaebench.errors import VaebenchError
from vaebench.flavours.controls.mean import mean
from vaebench.flavours.distortions.msssim_vae import msssim_vae
from vaebench.flavours.distortions.sigma_vae import sigma_vae
from vaebench.flavours.distortions.vae_gan import distance, vae_gan
from vaebench.model.flavour import Flavour
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack

IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
X = IMAGES[:1300] / 255


def design(likelihood: str, latent: int = 2) -> Design:
    return Design((1, 8, 8), latent, mlp((1, 8, 8), hidden=(64,)), catalogue.load("likelihoods", likelihood))


def trained(flavour: Flavour, likelihood: str, epochs: int) -> VAE:
    """On binary pixels that are new at each visit, or, for a density, on grey ones."""
    grey = IMAGES[:1300], IMAGES[1300:1500]
    binary = likelihood == "bernoulli"
    feed = Feed(grey[0], fixed(grey[1], "static" if binary else "none", "validation"), binary, grey if binary else None)
    training = Training(epochs=epochs, batch_size=100, learning_rate=0.01, schedule="cosine")
    runs = Pack(flavour, design(likelihood), flavour.defaults, training, [0], feed)
    list(runs.train())
    return runs.finished(0, "best")


@torch.no_grad()
def elbo(model: VAE, x: Tensor) -> float:
    with random.stream(torch.tensor(3)):
        draw = model(x)
        return float((draw.log_px - draw.kl).mean())


@torch.no_grad()
def test_the_scale_of_the_mean_image_is_the_standard_deviation(float64: None) -> None:
    """Also on values far outside [0, 1]."""
    for x in (X.double(), 300 + 50 * X.double()):
        model = mean.initial(design("gaussian_learned"), {}, 0)
        mean.call("finish", model, x, {})
        variance = x.var(0, correction=0).mean()
        torch.testing.assert_close(model.decoder.features, x.mean(0), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(model.decoder.likelihood.log_sigma.exp().square(), variance, rtol=1e-9, atol=0)
        best, scale = elbo(model, x), model.decoder.likelihood.log_sigma.exp()
        for factor in (0.97, 1.03):
            model.decoder.likelihood.fit((factor * scale).square())
            assert elbo(model, x) < best


@pytest.mark.parametrize("flavour", [msssim_vae, vae_gan], ids=lambda flavour: flavour.name)
@torch.no_grad()
def test_a_scale_that_no_loss_trains_is_the_error_of_the_decoded_images(flavour: Flavour, float64: None) -> None:
    model, x = flavour.initial(design("gaussian_learned"), {}, 0), X.double()
    flavour.call("finish", model, x, {})
    with random.stream(torch.tensor(5)):
        error = torch.cat([(x - model(x).px.mean).square() for _ in range(20)]).mean()
    variance = float(model.decoder.likelihood.log_sigma.exp()) ** 2
    assert variance == pytest.approx(float(error), rel=0.01)  # over other draws of the latents
    best = elbo(model, x)
    for factor in (0.5, 2.0):
        model.decoder.likelihood.fit(torch.tensor(factor * variance))
        assert elbo(model, x) < best
    state = {name: value.clone() for name, value in model.state_dict().items()}
    flavour.call("finish", model, x, {})
    assert float(model.decoder.likelihood.log_sigma.exp()) ** 2 == pytest.approx(variance, rel=1e-12)
    others = [name for name in state if "likelihood" not in name]
    assert all(torch.equal(model.state_dict()[name], state[name]) for name in others)


@pytest.mark.parametrize("flavour", [msssim_vae, vae_gan], ids=lambda flavour: flavour.name)
def test_a_likelihood_of_untrained_features_is_none(flavour: Flavour) -> None:
    for likelihood in ("gaussian_pixel", "discretised_logistic", "categorical"):
        reason = flavour.initial(design(likelihood), {}, 0).own_likelihood
        assert reason == f"it trains mean images alone, which are not all of a '{likelihood}' likelihood"
        with pytest.raises(VaebenchError, match=f"fits no '{likelihood}'"):
            mean.initial(design(likelihood), {}, 0)
    for likelihood in ("gaussian", "gaussian_learned"):
        assert flavour.initial(design(likelihood), {}, 0).own_likelihood == ""
    for likelihood in ("bernoulli", "continuous_bernoulli"):  # whose one parameter is a mean
        reason = flavour.initial(design(likelihood), {}, 0).own_likelihood
        assert ("similar, not to be the means" in reason) == (flavour is msssim_vae)


@torch.no_grad()
def test_the_deviation_of_sigma_vae_starts_at_that_of_the_data(float64: None) -> None:
    model, x = sigma_vae.initial(design("bernoulli"), {}, 0), X.double()
    sigma_vae.call("begin", model, x, {})
    torch.testing.assert_close(model.decoder.log_sigma.exp().square(), x.var(0, correction=0).mean())
    sigma_vae.call("begin", model, x, {"floor": 0.9})
    assert float(model.decoder.log_sigma.exp()) == pytest.approx(0.9)


def test_the_distance_of_features_does_not_depend_on_their_scale_and_counts_pixels(float64: None) -> None:
    """At features that keep the pixels' angles it is the squared error in units of the images' variance, over two."""
    critic, x = vae_gan.initial(design("bernoulli"), {"features": 64}, 0).critic, X[:200].double()
    other, first = x.flip(0), critic.trunk[1]
    with torch.no_grad():
        for scale in (5.0, 200.0):
            first.weight.copy_(scale * torch.linalg.qr(torch.randn(64, 64))[0])
            found = distance(critic, x, critic(other))
            expected = 0.5 * (x - other).square().flatten(1).sum(1) / x.var(0, correction=0).mean()
            torch.testing.assert_close(found, expected, rtol=2e-3, atol=0)


def test_a_learned_scale_that_starts_at_the_data_keeps_the_latents_in_use() -> None:
    model = trained(catalogue.load("flavours", "vae"), "gaussian_learned", 15)
    floor = mean.initial(design("gaussian_learned"), {}, 0)
    mean.call("finish", floor, X, {})
    with torch.no_grad():
        assert model(X).kl.mean() > 2
    assert elbo(model, X) > elbo(floor, X) + 5


@pytest.mark.parametrize("name", ["info_vae", "disentangled_beta_vae"])
def test_weights_by_the_pixel_leave_small_images_something_to_learn(name: str) -> None:
    floor, x = mean.initial(design("bernoulli"), {}, 0), fixed(IMAGES[:1300], "static", "test") / 255
    mean.call("finish", floor, X, {})
    assert elbo(trained(catalogue.load("flavours", name), "bernoulli", 30), x) > elbo(floor, x) + 0.5
