"""What every flavour must keep, taken up from the catalogue: a new file is tested by being there."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from sklearn.datasets import load_digits

from vaebench import random
from vaebench.errors import VaebenchError
from vaebench.model.distributions.delta import Delta
from vaebench.model.flavour import FACTS
from vaebench.model.networks.conv import conv
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack

IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
X = IMAGES[:12] / 255
NETWORKS = {"mlp": mlp((1, 8, 8), hidden=(16,)), "conv": conv((1, 8, 8), channels=(4, 8), hidden=16)}
KNOWN = {"progress": torch.tensor(0.5), "n_data": 100, "grey": X}


def design(network: str, latent: int) -> Design:
    return Design((1, 8, 8), latent, NETWORKS[network], catalogue.load("likelihoods", "bernoulli"))


@pytest.fixture(params=catalogue.names("flavours"))
def flavour(request: pytest.FixtureRequest):
    return catalogue.load("flavours", request.param)


@pytest.mark.parametrize("latent", [1, 3])
@pytest.mark.parametrize("network", NETWORKS)
def test_terms_are_finite_per_example_and_repeatable(flavour, network: str, latent: int) -> None:
    model = flavour.initial(design(network, latent), {}, 0)
    for player in flavour.players:
        values = []
        for _ in range(2):
            with random.stream(torch.tensor(5)):
                values.append(flavour.terms(player, model, X, flavour.defaults | KNOWN)[0])
        for name, term in values[0].items():
            assert term.shape in ((), (len(X),)) and term.isfinite().all(), name
            assert torch.equal(term, values[1][name])


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_every_parameter_has_one_owner_and_moves(flavour, seeds: list[int]) -> None:
    runs = Pack(
        flavour, design("mlp", 2), {}, Training(epochs=1, batch_size=20), seeds, Feed(IMAGES[:60], IMAGES[60:80], True)
    )
    owned = [name for names in runs.stack.owned.values() for name in names]
    assert sorted(owned) == sorted(runs.stack.trained)
    before = {name: runs.state[name].clone() for name in runs.stack.trained}
    list(runs.train())
    for name in runs.stack.trained:
        assert all((runs.state[name][slot] != before[name][slot]).any() for slot in range(len(seeds))), name
    assert {run.status for run in runs.runs} == {"finished"}


def test_encode_draws_nothing_and_decode_gives_images(flavour) -> None:
    model = flavour.initial(design("mlp", 2), {}, 0)
    with torch.no_grad():
        z = model.encode(X)
        assert torch.equal(z, model.encode(X)) and torch.equal(z, model(X).q.mean)
        images = model.decode(z)
    assert images.shape == X.shape and (images >= 0).all() and (images <= 1).all()


def test_a_batch_is_its_images_one_by_one(flavour) -> None:
    model = flavour.initial(design("conv", 2), {}, 0)
    with torch.no_grad():
        together, alone = model.encode(X), torch.cat([model.encode(x[None]) for x in X])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_a_sample_of_the_prior_depends_on_its_seed_alone(flavour) -> None:
    model = flavour.initial(design("mlp", 2), {}, 0)
    if model.prior is None:
        with pytest.raises(VaebenchError, match="no prior"):
            model.sample(3, 0)
        return
    with torch.no_grad():
        assert torch.equal(model.sample(3, 0), model.sample(3, 0))
        assert model.sample(3, 0).shape == (3, 1, 8, 8)


@torch.no_grad()
def test_importance_weights_average_to_the_evidence(flavour, float64: None) -> None:
    """p(x) is the mean of p(x|z) over prior draws and of p(x, z) / q(z|x) over posterior draws, whatever q is."""
    model = flavour.initial(design("mlp", 2), flavour.defaults, 0)
    for parameter in model.decoder.parameters():
        parameter.mul_(2)
    x, count = X[:2].double(), 20_000
    with random.stream(torch.tensor(3)):
        flavour.call("begin", model, IMAGES / 255, flavour.defaults)
        draw = model(x, count)
        if draw.p is None or isinstance(draw.q, Delta) or isinstance(draw.px, Delta):
            return  # no density, no weights
        z = draw.p.rsample(torch.Size((count,)))
        estimates = [draw.log_w, model.decoder(z[:, None]).log_prob(x)]
    (ours, error), (evidence, deviation) = (mean_and_error(log_w) for log_w in estimates)
    if (draw.z[0] == draw.z[1]).all():
        assert (ours < evidence + 4 * deviation).all()  # a posterior that draws nothing gives a bound alone
        return
    assert max(error.max(), deviation.max()) < 0.1
    assert ((ours - evidence).abs() < 5 * (error.square() + deviation.square()).sqrt() + 1e-9).all()


def mean_and_error(log_w: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Log of the mean weight over the first axis, and its standard error."""
    shares = log_w.softmax(0)
    return log_w.logsumexp(0) - math.log(len(log_w)), (shares.square().sum(0) - 1 / len(log_w)).clamp(min=0).sqrt()


def test_a_pair_of_equal_images_is_the_image_and_a_pair_scores_its_target(flavour) -> None:
    model = flavour.initial(design("mlp", 2), flavour.defaults, 0)
    for player in flavour.players:
        results = []
        for x, grey in ((X, X), ((X, X), X), ((X, X.flip(0)), X.flip(0))):
            with random.stream(torch.tensor(5)):
                results.append(flavour.terms(player, model, x, flavour.defaults | KNOWN | {"grey": grey})[0])
        whole, pair, other = results
        assert all(torch.equal(whole[name], pair[name]) for name in whole)
        moved = any(not torch.equal(whole[name], other[name]) for name in whole)
        assert moved or player != "model" or not list(model.parameters())


def test_hyperparameters_are_declared_with_ranges_that_hold_their_defaults(flavour) -> None:
    declared = catalogue.hyperparameters("flavours", flavour.name)
    assert {name: hyperparameter.default for name, hyperparameter in declared.items()} == flavour.defaults
    assert catalogue.settle("flavours", flavour.name, flavour.defaults) == flavour.defaults
    for loss in flavour.players.values():
        for name, argument in inspect.signature(loss).parameters.items():
            if argument.kind is argument.KEYWORD_ONLY:
                assert name in flavour.defaults or name in FACTS, f"nobody supplies {name}"


def test_beta_one_is_the_vae() -> None:
    vae, beta_vae = (catalogue.load("flavours", name) for name in ("vae", "beta_vae"))
    results = []
    for kind in (vae, beta_vae):
        feed = Feed(IMAGES[:60], IMAGES[60:80], True)
        hyper = {"beta": 1.0} if kind is beta_vae else {}
        runs = Pack(kind, design("mlp", 2), hyper, Training(epochs=2, batch_size=20), [0], feed)
        list(runs.train())
        results.append(runs.state)
    assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())
