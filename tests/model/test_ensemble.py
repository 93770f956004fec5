"""Several decoders of one posterior: what trains them, which one is the model's, and what becomes of the others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import vaebench
from vaebench import random
from vaebench.data.binarisation import scaled
from vaebench.data.dataset import Data
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.survey.survey import Survey
from vaebench.geometry.metrics import Pullback, immersion
from vaebench.model.networks.conv import conv
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.model.parts.ensemble import Ensemble, Ensembled, members
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.study import catalogue
from vaebench.study.config import Geometry

SHAPE = (1, 8, 8)
NETWORKS = {"mlp": mlp(SHAPE, hidden=(16,)), "conv": conv(SHAPE, channels=(4, 8), hidden=16)}


def design(decoders: int, network: str = "mlp") -> Design:
    return Design(SHAPE, 2, Ensembled(NETWORKS[network], decoders), catalogue.load("likelihoods", "bernoulli"))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("batch", [7, 2])
@torch.no_grad()
def test_each_decoder_trains_on_its_share_and_the_first_is_the_model_s(network: str, batch: int) -> None:
    decoder = catalogue.load("flavours", "vae").initial(design(3, network), {}, 0).decoder
    z = torch.randn(4, batch, 2)
    first, second, third = decoder.network.members
    shares = (
        [first(z[:, :3]), second(z[:, 3:5]), third(z[:, 5:])] if batch == 7 else [first(z[:, :1]), second(z[:, 1:])]
    )
    torch.testing.assert_close(decoder.train().network(z), torch.cat(shares, 1))
    torch.testing.assert_close(decoder.eval().network(z), first(z))
    for shown, member in zip(members(decoder), (first, second, third), strict=True):
        torch.testing.assert_close(shown(z).mean, decoder.likelihood(member(z)).mean)
        assert (first is member) or not torch.allclose(shown(z).mean, decoder(z).mean)


@pytest.mark.parametrize("name", sorted(set(catalogue.names("flavours")) - {"copy", "mean"}))
def test_every_flavour_can_have_several(name: str) -> None:
    """All of them move in a step, and the loss is that of single images, so that it is finite for any number."""
    kind = catalogue.load("flavours", name)
    model = kind.initial(design(3), kind.defaults, 0).train()
    x = torch.rand(9, *SHAPE)
    known = kind.defaults | {"progress": torch.tensor(0.5), "n_data": torch.tensor(100), "grey": x}
    with random.stream(torch.tensor(random.key(0, "noise"))):
        terms, _ = kind.terms("model", model, x.round(), known)
    total = sum(term.mean() for term in terms.values())
    assert total.isfinite()
    (ensemble,) = (part for part in model.modules() if isinstance(part, Ensemble))
    for member in ensemble.members:
        gradients = torch.autograd.grad(total, list(member.parameters()), retain_graph=True)
        assert all(gradient.isfinite().all() for gradient in gradients) and gradients[-1].any()


@pytest.fixture(scope="module")
def digits() -> Data:
    return vaebench.dataset("digits")


@pytest.fixture(scope="module")
def trained(digits: Data) -> VAE:
    return vaebench.train("vae", digits, latent=2, epochs=4, decoders=3, network_settings={"hidden": [32]})


@torch.no_grad()
def test_a_trained_run_keeps_all_and_shows_the_first(trained: VAE, digits: Data, tmp_path: Path) -> None:
    assert trained.recipe.decoders == 3
    vaebench.save(trained, tmp_path / "model.safetensors")
    again = vaebench.load(tmp_path / "model.safetensors")
    z = torch.randn(5, 2)
    for old, new in zip(members(trained.decoder), members(again.decoder), strict=True):
        assert torch.equal(old(z).mean, new(z).mean)
    images = scaled(digits.test.images)
    draw = trained.encode(images)
    distortions = [-one(draw).log_prob(images).mean().item() for one in members(trained.decoder)]
    untrained = [-one(draw).log_prob(images).mean().item() for one in members(trained.recipe.build().decoder)]
    assert max(distortions) < min(untrained) and max(distortions) - min(distortions) < 0.1 * min(distortions)
    torch.testing.assert_close(trained.decode(z), members(trained.decoder)[0](z).mean)


@torch.no_grad()
def test_its_metric_is_the_mean_over_its_own_decoders(trained: VAE, digits: Data) -> None:
    images = scaled(digits.test.images)
    subject = Subject(trained, images, images, 0, importance_samples=1, importance_images=1)
    encoded = Encoded(trained, scaled(digits.train.images), 0)
    survey = Survey(subject, digits.test, digits.train, encoded, Geometry(metrics=["ensemble"], points=5, pairs=5))
    y = torch.randn(6, survey.manifold.dimension, dtype=torch.float64)
    found = survey.paths["ensemble"].metric(y)
    each = [Pullback(immersion(survey.charted(one)))(y) for one in members(trained.decoder)]
    torch.testing.assert_close(found, torch.stack(each).mean(0))


def test_one_decoder_is_as_it_was() -> None:
    """No part of a model with one decoder knows of the option: names of weights and their values are as without."""
    model = vaebench.build("vae", SHAPE, latent=2)
    assert not any(isinstance(part, Ensemble) for part in model.modules()) and members(model.decoder) == [model.decoder]
    several = vaebench.build("vae", SHAPE, latent=2, decoders=2)
    assert several.recipe.decoders == 2 and isinstance(several.decoder.network, Ensemble)
