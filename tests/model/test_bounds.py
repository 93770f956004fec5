"""Bounds against a model whose evidence is known, their gradients against definitions, marginals against quadrature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from linear_gaussian import LATENT, SIGMA, linear
from sklearn.datasets import load_digits
from torch import Tensor
from torch.func import functional_call, grad, vmap

from vaebench import random
from vaebench.flavours.bounds.ciwae import ciwae
from vaebench.flavours.bounds.iwae import iwae
from vaebench.flavours.bounds.miwae import miwae
from vaebench.flavours.bounds.piwae import piwae
from vaebench.flavours.gaussian.vae import vae
from vaebench.flavours.posteriors.auxiliary_vae import Marginal, auxiliary_vae
from vaebench.flavours.priors.two_layer_vae import two_layer_vae
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flavour import Flavour
from vaebench.model.networks.mlp import mlp
from vaebench.model.objectives.bounds import importance_weighted
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack
from vaebench.training.optimiser import BETAS

IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
X = IMAGES[:5] / 255
DREG = {"gradient": "doubly_reparameterised"}
BOUNDS = [(iwae, {"samples": 4}), (miwae, {"groups": 2, "samples": 4}), (ciwae, {"samples": 4, "beta": 0.3})]
BOUND_NAMES = ["iwae", "miwae", "ciwae"]


def design(latent: int) -> Design:
    return Design((1, 8, 8), latent, mlp((1, 8, 8), hidden=(16,)), catalogue.load("likelihoods", "bernoulli"))


def loss(kind: Flavour, model: VAE, x: Tensor, seed: int, player: str = "model", **hyper: Any) -> Tensor:
    """A flavour's loss per image under one noise, (batch,)."""
    with random.stream(torch.tensor(seed)):
        terms, _ = kind.terms(player, model, x, kind.defaults | hyper)
    return sum(terms.values(), torch.zeros(()))


@torch.no_grad()
def mean_and_error(kind: Flavour, model: VAE, x: Tensor, repeats: int, **hyper: Any) -> tuple[float, float]:
    values = [float(-loss(kind, model, x, seed, **hyper).mean()) for seed in range(repeats)]
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(repeats))


def gradients(value: Tensor, model: VAE) -> dict[str, Tensor]:
    names, parameters = zip(*model.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(value, parameters), strict=True))


def test_iwae_climbs_from_the_elbo_to_the_evidence(float64: None) -> None:
    model, x, log_evidence = linear(orthogonal=False)
    evidence = log_evidence.mean()
    elbo, elbo_error = mean_and_error(vae, model, x, 40)
    means, errors = zip(*(mean_and_error(iwae, model, x, 40, samples=k) for k in (1, 4, 16, 64)), strict=True)
    assert means[0] == pytest.approx(elbo, abs=4 * math.hypot(errors[0], elbo_error))
    rises = np.diff(means) / np.hypot(errors[1:], errors[:-1])
    assert (rises > 3).all() and means[-1] < evidence
    # The gap tends to (E[w^2] / E[w]^2 - 1) / 2K, here in closed form: both posteriors are Gaussian, of one mean.
    weight = model.decoder.network[0].weight.detach()
    exact = (weight.T @ weight + SIGMA**2 * torch.eye(LATENT)) / SIGMA**2
    ours = (1 / model.encoder(x).variance[0].detach()).diag()
    second_moment = exact.det() / (ours.det() * (2 * exact - ours).det()).sqrt()
    expected = float(second_moment - 1) / (2 * 64)
    assert evidence - means[-1] == pytest.approx(expected, abs=4 * errors[-1] + 0.1 * expected)


def test_at_the_exact_posterior_every_bound_is_the_evidence(float64: None) -> None:
    for kind, hyper in (*BOUNDS, (piwae, {})):
        model, x, evidence = linear(True, kind)
        for player in kind.players:
            ours = -loss(kind, model, x, 1, player, **hyper)
            torch.testing.assert_close(ours, torch.tensor(evidence), rtol=0, atol=1e-9)


@torch.no_grad()
def test_miwae_averages_over_groups_and_weighs_over_samples(float64: None) -> None:
    model, x, _ = linear(False, miwae)
    ours, error = mean_and_error(miwae, model, x, 30, groups=16, samples=2)
    same, deviation = mean_and_error(iwae, model, x, 400, samples=2)
    assert ours == pytest.approx(same, abs=4 * math.hypot(error, deviation))
    elbo, tight = (mean_and_error(iwae, model, x, 30, samples=k) for k in (1, 32))
    assert elbo[0] + 4 * math.hypot(elbo[1], error) < ours < tight[0] - 4 * math.hypot(tight[1], error)
    # As defined, from weights of their own names.
    with random.stream(torch.tensor(7)):
        w = model(x, 2, 3).log_w.exp()
    by_hand = -((w[0, 0] + w[0, 1] + w[0, 2]) / 3).log() / 2 - ((w[1, 0] + w[1, 1] + w[1, 2]) / 3).log() / 2
    torch.testing.assert_close(loss(miwae, model, x, 7, groups=2, samples=3), by_hand)


def log_w_of_the_vae(model: VAE, x: Tensor, seed: int, *samples: int) -> Tensor:
    with random.stream(torch.tensor(seed)):
        return model(x, *samples).log_w


@pytest.mark.parametrize("gradient", ["standard", "doubly_reparameterised"])
def test_bounds_meet_at_their_ends(float64: None, gradient: str) -> None:
    """Values and, for both estimators, gradients under one noise."""
    model, x, _ = linear(orthogonal=False)
    pairs = [
        ((miwae, {"groups": 1, "samples": 6}), (iwae, {"samples": 6})),
        ((ciwae, {"beta": 0.0, "samples": 6}), (iwae, {"samples": 6})),
        ((ciwae, {"beta": 1.0, "samples": 6}), (miwae, {"groups": 6, "samples": 1})),
        ((ciwae, {"beta": 0.4, "samples": 1}), (iwae, {"samples": 1})),
    ]
    for (one, settings), (other, others) in pairs:
        a = loss(one, model, x, 3, gradient=gradient, **settings)
        b = loss(other, model, x, 3, gradient=gradient, **others)
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
        slopes = gradients(b.mean(), model)
        for name, slope in gradients(a.mean(), model).items():
            torch.testing.assert_close(slope, slopes[name], rtol=1e-9, atol=1e-11, msg=name)
    log_w = log_w_of_the_vae(model, x, 3)
    torch.testing.assert_close(loss(iwae, model, x, 3, samples=1, gradient=gradient), -log_w, rtol=1e-14, atol=1e-13)
    log_w = log_w_of_the_vae(model, x, 3, 6).mean(0)
    torch.testing.assert_close(
        loss(miwae, model, x, 3, groups=6, samples=1, gradient=gradient), -log_w, rtol=1e-14, atol=1e-13
    )


def test_each_player_of_piwae_follows_its_own_bound_and_no_other() -> None:
    """Adam's first moment after one step is a tenth of the gradient, parameter by parameter."""
    hyper = {"groups": 2, "samples": 5}
    training = Training(epochs=1, batch_size=20, learning_rate=0.01)
    runs = Pack(piwae, design(2), hyper, training, [3], Feed(IMAGES[:20], IMAGES[20:25], dynamic=False))
    start = {name: value[0].clone() for name, value in runs.state.items()}
    list(runs.train())
    moved = {name: value[0].clone() for name, value in runs.state.items()}
    noise = random.fold(runs.keys["noise"], 0)
    x = IMAGES[:20][random.permutation(random.fold(runs.keys["order"][0], 0), 20)] / 255
    model = piwae.initial(design(2), hyper, 3)

    def log_w(index: int, *samples: int) -> Tensor:
        with random.stream(random.fold(noise, index)[0]):
            return model(x, *samples).log_w

    # The decoder moves first, then the encoder under the new decoder.
    model.load_state_dict(start)
    expected = gradients(-(log_w(0, 10).exp().mean(0)).log().mean(), model)
    model.load_state_dict({name: (start if name.startswith("encoder.") else moved)[name] for name in start})
    groups = log_w(1, 2, 5)
    value = -0.5 * (groups[0].logsumexp(0) + groups[1].logsumexp(0) - 2 * math.log(5)).mean()
    expected |= {name: slope for name, slope in gradients(value, model).items() if name.startswith("encoder.")}
    moments = {name: value for optimiser in runs.optimisers.values() for name, value in optimiser.first.items()}
    assert set(expected) == set(moments) and {name.partition(".")[0] for name in expected} == {"encoder", "decoder"}
    for name, slope in expected.items():
        ours = moments[name][0] / (1 - BETAS[0])
        torch.testing.assert_close(ours, slope, rtol=1e-4, atol=1e-4 * float(slope.abs().max()), msg=name)


def defined(model: VAE, seed: int, beta: float, *samples: int) -> dict[str, Tensor]:
    """The encoder's doubly reparameterised gradient as Tucker et al. write it, one image and one latent at a time."""
    with random.stream(torch.tensor(seed)):
        draw = model(X.double(), *samples)
    groups = draw.z.reshape(-1, samples[-1], *draw.z.shape[-2:])
    share = draw.log_w.detach().reshape(groups.shape[:-1]).softmax(1)
    total = torch.zeros(())
    for group, shares in zip(groups, share, strict=True):
        for latents, own in zip(group, shares, strict=True):
            z = latents.detach().requires_grad_()
            scaled = (z - draw.q.mean.detach()) / draw.q.stddev.detach()
            log_q = -0.5 * scaled.square().sum(-1) - draw.q.log_std.detach().sum(-1)
            log_w = model.decoder(z).log_prob(draw.x) - 0.5 * z.square().sum(-1) - log_q
            (slope,) = torch.autograd.grad(log_w.sum(), z)
            factor = beta / samples[-1] + (1 - beta) * own**2
            total = total - (factor[:, None] * slope * latents).sum() / (len(groups) * len(X))
    parameters = dict(model.encoder.named_parameters(prefix="encoder"))
    return dict(zip(parameters, torch.autograd.grad(total, list(parameters.values())), strict=True))


@pytest.mark.parametrize(("kind", "hyper"), BOUNDS, ids=BOUND_NAMES)
def test_the_doubly_reparameterised_gradient_is_as_defined(float64: None, kind: Flavour, hyper: dict) -> None:
    model = kind.initial(design(2), {}, 0)
    for parameter in model.parameters():
        parameter.data *= 2  # uneven weights
    value, plain = (loss(kind, model, X.double(), 9, **hyper, **more) for more in (DREG, {}))
    assert torch.equal(value, plain)
    ours, standard = gradients(value.mean(), model), gradients(plain.mean(), model)
    samples = [hyper[name] for name in ("groups", "samples") if name in hyper]
    expected = defined(model, 9, hyper.get("beta", 0.0), *samples)
    for name, slope in ours.items():
        if name.startswith("encoder."):
            torch.testing.assert_close(slope, expected[name], rtol=1e-9, atol=1e-12, msg=name)
            assert not torch.allclose(slope, standard[name], rtol=0.01)
        else:
            torch.testing.assert_close(slope, standard[name], rtol=1e-12, atol=1e-12, msg=name)


@pytest.mark.parametrize(("kind", "hyper"), BOUNDS, ids=BOUND_NAMES)
def test_both_gradients_agree_in_expectation(float64: None, kind: Flavour, hyper: dict) -> None:
    """At the encoder's last biases, over 3000 draws each of other noise; the mean is far from zero."""
    model, x, _ = linear(False, kind)
    x, name = x[:20], "encoder.network.1.bias"
    parameters = {key: value.detach() for key, value in model.named_parameters()}
    with torch.no_grad():
        parameters[name] = parameters[name] + torch.tensor([0.3, -0.2, 0.2, -0.3])

    class Loss(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vae = model

        def forward(self, known: dict[str, Any]) -> Tensor:
            return kind.terms("model", self.vae, x, known)[0]["bound"].mean()

    def slope(key: Tensor, **more: str) -> Tensor:
        def value(bias: Tensor) -> Tensor:
            weights = {f"vae.{key}": parameter for key, parameter in (parameters | {name: bias}).items()}
            with random.stream(key):
                return functional_call(Loss(), weights, (kind.defaults | hyper | more,))

        return grad(value)(parameters[name])

    draws = [
        vmap(lambda key, more=more: slope(key, **more))(torch.arange(3000) + 3000 * bool(more)) for more in ({}, DREG)
    ]
    means, errors = [draw.mean(0) for draw in draws], [draw.std(0) / math.sqrt(len(draw)) for draw in draws]
    scores = (means[0] - means[1]) / torch.stack(errors).square().sum(0).sqrt()
    assert (scores.abs() < 4).all(), scores
    assert (means[1].abs() > 20 * errors[1]).sum() >= 2


@pytest.mark.parametrize(("kind", "hyper"), BOUNDS, ids=BOUND_NAMES)
def test_the_doubly_reparameterised_gradient_is_silent_at_the_exact_posterior(
    float64: None, kind: Flavour, hyper: dict
) -> None:
    model, x, _ = linear(True, kind)
    sizes = []
    for more in (DREG, {}):
        slopes = gradients(loss(kind, model, x[:10], 2, **hyper, **more).mean(), model)
        sizes.append(max(float(slope.abs().max()) for name, slope in slopes.items() if name.startswith("encoder.")))
    assert sizes[0] < 1e-10 and sizes[1] > 0.01


def test_weights_that_vanish_leave_the_gradient_finite() -> None:
    model = iwae.initial(design(2), {}, 0)
    model.decoder.network[-2].weight.data *= 1000
    model.encoder.network[-1].bias.data += 2
    x = X[:1]
    with random.stream(torch.tensor(9)), torch.no_grad():
        assert (model(x, 8).log_w.softmax(0) == 0).sum() > 2
    for kind in (iwae, ciwae):
        slopes = gradients(loss(kind, model, x, 9, **DREG).mean(), model)
        assert all(slope.isfinite().all() for slope in slopes.values())


@pytest.mark.parametrize("kind", [iwae, miwae, ciwae], ids=BOUND_NAMES)
def test_a_pack_follows_the_doubly_reparameterised_gradient_too(kind: Flavour) -> None:
    def trained(seeds: list[int], **more: str) -> Pack:
        feed, training = Feed(IMAGES[:60], IMAGES[60:80], True), Training(epochs=2, batch_size=20)
        runs = Pack(kind, design(2), kind.defaults | more, training, seeds, feed)
        list(runs.train())
        return runs

    both, alone, plain = trained([0, 1], **DREG), trained([1], **DREG), trained([1])
    for name in alone.stack.trained:
        torch.testing.assert_close(both.state[name][1], alone.state[name][0], rtol=1e-3, atol=1e-4, msg=name)
    assert any(
        not torch.allclose(alone.state[name], plain.state[name], rtol=1e-3, atol=1e-3) for name in alone.stack.trained
    )


@torch.no_grad()
def test_two_layers_whose_top_is_silent_are_the_vae(float64: None) -> None:
    model, x, _ = linear(False, two_layer_vae)
    for part in (model.prior.down, model.prior.up):
        part.network[-1].weight.zero_()
        part.network[-1].bias.zero_()
    plain, _, _ = linear(False, vae)
    for samples in (1, 5):
        expected = -importance_weighted(log_w_of_the_vae(plain, x, 4, samples))
        torch.testing.assert_close(loss(two_layer_vae, model, x, 4, samples=samples), expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_two_layers_climb_to_the_evidence_whatever_the_upper_posterior(float64: None) -> None:
    """p(z|u) = N(0, 1), so that the evidence is known, and a q(u|z) that is not p(u) costs its KL."""
    model, x, log_evidence = linear(False, two_layer_vae, top=2, top_hidden=(4,))
    x, log_evidence = x[:100], log_evidence[:100]
    for part in (model.prior.down, model.prior.up):
        part.network[-1].weight.zero_()
        part.network[-1].bias.zero_()
    model.prior.up.network[-1].bias.copy_(torch.tensor([0.5, -0.3, 0.2, 0.4]))
    q = Gaussian(torch.tensor([0.5, -0.3]), torch.tensor([0.2, 0.4]))
    cost = float(torch.distributions.kl_divergence(q, Gaussian(torch.zeros(2), torch.zeros(2))))
    plain = mean_and_error(vae, linear(False, vae)[0], x, 40)
    ours = [mean_and_error(two_layer_vae, model, x, 40, samples=k) for k in (1, 8, 128)]
    assert plain[0] - ours[0][0] == pytest.approx(cost, abs=4 * math.hypot(plain[1], ours[0][1]))
    assert ours[0][0] < ours[1][0] < ours[2][0] < log_evidence.mean() + 4 * ours[2][1]
    assert ours[2][0] == pytest.approx(log_evidence.mean(), abs=0.02)


def grid(reach: float, points: int = 2001) -> tuple[Tensor, float]:
    return torch.linspace(-reach, reach, points)[:, None], 2 * reach / (points - 1)


@torch.no_grad()
def test_the_prior_of_two_layers_is_its_marginal(float64: None) -> None:
    model = two_layer_vae.initial(design(1), {"top": 1}, 0)
    model.prior.down.network[-1].weight.mul_(4)  # a marginal that is not Gaussian
    prior = model.prior(model.encoder)
    u, step = grid(8)
    weight = Gaussian(torch.zeros(1), torch.zeros(1)).log_prob(u)

    def density(z: Tensor) -> Tensor:
        return (weight + model.prior.down(u).log_prob(z[:, None])).logsumexp(1).exp() * step

    z = torch.linspace(-1.5, 1.5, 7)[:, None]
    with random.stream(torch.tensor(1)):
        ratio = prior.log_prob(z.expand(20_000, -1, -1)).exp() / density(z)
        draws = prior.rsample(torch.Size((20_000,)))
    error = ratio.std(0) / math.sqrt(len(ratio))
    assert ratio.std(0).min() > 0.01 and error.max() < 0.05
    assert ((ratio.mean(0) - 1).abs() < 4.5 * error).all()
    places, spacing = grid(40, 1601)
    cumulative = (density(places) * spacing).cumsum(0)
    assert cumulative[-1] == pytest.approx(1, abs=1e-4)
    empirical = (draws < places.T + spacing / 2).double().mean(0)
    assert (empirical - cumulative).abs().max() < 1.95 / math.sqrt(len(draws))  # Kolmogorov, 1 of 1000


def test_an_exact_reverse_model_gives_the_marginal_density(float64: None) -> None:
    """a ~ N(m, 1), z|a ~ N(c a, s^2): then z ~ N(c m, c^2 + s^2), and a|z is Gaussian as well."""
    m, c, s = 0.7, 1.3, 0.5
    variance = c**2 + s**2

    def gaussian(mean: Tensor, variance: float) -> Gaussian:
        return Gaussian(mean, torch.full_like(mean, 0.5 * math.log(variance)))

    q = Marginal(
        gaussian(torch.full((3, 1), m), 1.0),
        lambda a: gaussian(c * a, s**2),
        lambda z: gaussian(m + c * (z - c * m) / variance, s**2 / variance),
    )
    z = q.rsample(torch.Size((500,)))
    expected = gaussian(torch.full((3, 1), c * m), variance)
    torch.testing.assert_close(q.log_prob(z), expected.log_prob(z), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(q.mean, expected.mean, rtol=1e-12, atol=1e-12)
    assert q.event_shape == (1,) and z.std() == pytest.approx(math.sqrt(variance), rel=0.1)
    with pytest.raises(ValueError, match="last draw"):
        q.log_prob(z + 0)


@torch.no_grad()
def test_an_auxiliary_variable_without_effect_leaves_the_vae(float64: None) -> None:
    model, x = auxiliary_vae.initial(design(2), {}, 0), X.double()
    encoder = model.encoder
    encoder.forth.latent.weight.zero_()
    for head in (encoder.head, encoder.back.head):
        head.weight.zero_()
        head.bias.copy_(torch.linspace(-0.5, 0.5, len(head.bias)))
    with random.stream(torch.tensor(1)):
        draw = model(x, 3)
    gaussian = encoder.forth(encoder.network(x), torch.zeros(8))
    assert torch.equal(draw.q.mean, gaussian.mean)
    torch.testing.assert_close(draw.q.log_prob(draw.z), gaussian.log_prob(draw.z).expand(3, -1), rtol=1e-10, atol=1e-10)
    prior = Gaussian(torch.zeros(2), torch.zeros(2))
    with random.stream(torch.tensor(1)):
        ours, _ = auxiliary_vae.terms("model", model, x, {})
    with random.stream(torch.tensor(1)):
        z = model(x).z
    torch.testing.assert_close(ours["rate"], gaussian.log_prob(z) - prior.log_prob(z))
    torch.testing.assert_close(ours["distortion"], -model.decoder(z).log_prob(x))


@torch.no_grad()
def test_the_auxiliary_posterior_is_the_marginal_it_claims(float64: None) -> None:
    """Its draws follow the quadrature of q(z|a,x) q(a|x), and its log density exceeds it by a KL on average."""
    model, x = auxiliary_vae.initial(design(1), {"auxiliary": 1}, 0), X.double()[:1]
    encoder = model.encoder
    for conditional in (encoder.forth, encoder.back):
        conditional.head.weight.mul_(2)
    features = encoder.network(x)
    a, step = grid(8, 801)
    weight = Gaussian(*encoder.head(features).chunk(2, -1)).log_prob(a)
    forth = encoder.forth(features, a)
    with random.stream(torch.tensor(2)):
        q = encoder(x)
        z = q.rsample(torch.Size((20_000,)))
        estimate = q.log_prob(z)[:, 0]
    places, spacing = grid(60, 2401)
    joint = (weight + forth.log_prob(places[:, None])).exp() * step  # (z, a)
    density = joint.sum(1)
    cumulative = (density * spacing).cumsum(0)
    assert cumulative[-1] == pytest.approx(1, abs=1e-4)
    empirical = (z[:, 0] < places.T + spacing / 2).double().mean(0)
    assert (empirical - cumulative).abs().max() < 1.95 / math.sqrt(len(z))
    log_r = encoder.back(features, places).log_prob(a[:, None]).T
    kl = (joint * ((joint / density[:, None]).clamp_min(1e-300).log() - math.log(step) - log_r)).sum() * spacing
    log_q = (weight + forth.log_prob(z)).logsumexp(1) + math.log(step)
    excess = estimate - log_q
    assert kl > 0.01
    assert float(excess.mean()) == pytest.approx(float(kl), abs=4.5 * float(excess.std()) / math.sqrt(len(z)))
    # Hence its inverse is unbiased: weights of any density average to 1.
    target = Gaussian(q.mean, torch.full((1, 1), -1.0))
    w = (target.log_prob(z)[:, 0] - estimate).exp()
    assert float(w.mean()) == pytest.approx(1, abs=4.5 * float(w.std()) / math.sqrt(len(z)))
