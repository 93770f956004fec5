"""Regularised and discrete codes against brute force, exact Jacobians, and the evidence by enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from vaebench import random
from vaebench.errors import VaebenchError
from vaebench.evaluation.subject import Subject
from vaebench.model.distributions.codes import Bits, Code, Codes, Refined, Refinements, depth
from vaebench.model.flavour import Flavour
from vaebench.model.networks.mlp import mlp
from vaebench.model.objectives.schedule import cooled
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE, Draw
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack

IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
X = IMAGES[:12] / 255
FACTS = {"progress": torch.tensor(0.5), "n_data": 100}


def design(latent: int) -> Design:
    return Design((1, 8, 8), latent, mlp((1, 8, 8), hidden=(16,)), catalogue.load("likelihoods", "bernoulli"))


def made(name: str, latent: int, **hyper) -> tuple[Flavour, VAE]:
    flavour = catalogue.load("flavours", name)
    return flavour, flavour.initial(design(latent), flavour.defaults | hyper, 0)


def losses(name: str, model: VAE, x: Tensor, **hyper) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    flavour = catalogue.load("flavours", name)
    with random.stream(torch.tensor(5)):
        return flavour.terms("model", model, x, flavour.defaults | FACTS | hyper)


def gradients(term: Tensor, model: VAE) -> dict[str, bool]:
    """Which parameters a term's gradient reaches with a value other than 0."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(term.sum(), parameters, allow_unused=True, retain_graph=True)
    return {name: g is not None and bool((g != 0).any()) for name, g in zip(names, found, strict=True)}


def distances(points: Tensor, codes: Tensor) -> Tensor:
    """Euclidean, all pairs; torch.cdist rounds to half the digits."""
    return (points[:, None] - codes).norm(dim=-1)


@pytest.mark.parametrize("name", ["rae_l2", "rae_gp"])
def test_without_penalties_an_rae_is_the_autoencoder(name: str) -> None:
    results = []
    for flavour, hyper in (("ae", {}), (name, {"weight": 0.0, "decay": 0.0, "penalty": 0.0})):
        kind = catalogue.load("flavours", flavour)
        settings = {key: hyper[key] for key in kind.defaults}
        pack = Pack(kind, design(3), settings, Training(2, 20), [0, 1], Feed(IMAGES[:60], IMAGES[60:80], True))
        list(pack.train())
        results.append(pack.state)
    assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())


def test_rae_penalises_codes_and_the_decoder_s_network(float64: None) -> None:
    _, model = made("rae_l2", 3)
    terms, _ = losses("rae_l2", model, X.double(), weight=0.3, decay=0.02)
    z = model.encode(X.double()).detach().numpy()
    np.testing.assert_allclose(terms["embedding"].detach(), 0.15 * (z**2).sum(1), rtol=1e-12)
    squares = sum((p.detach().numpy() ** 2).sum() for p in model.decoder.network.parameters())
    assert float(terms["decoder"].detach()) == pytest.approx(0.02 * squares, rel=1e-12)
    reached = gradients(terms["decoder"], model)
    assert all(reached[name] == name.startswith("decoder.network.") for name in reached)


@pytest.mark.parametrize("latent", [1, 4])
def test_the_jacobian_penalty_is_unbiased(float64: None, latent: int) -> None:
    """Its mean over 4000 projections against the exact Frobenius norm, of one image and its gradient."""
    _, model = made("rae_gp", latent)
    x, count = X[:1].double(), 4000
    z = model.encode(x).detach()[0].requires_grad_()
    exact = torch.autograd.functional.jacobian(model.decode, z, create_graph=True).square().sum()
    (slope,) = torch.autograd.grad(exact, model.decoder.network[0].weight)
    term = losses("rae_gp", model, x.expand(count, -1, -1, -1), penalty=0.7)[0]["jacobian"]
    error = float(term.detach().std()) / math.sqrt(count)
    assert abs(float((term.mean() - 0.7 * exact).detach())) < 4 * error < 0.1 * float(exact.detach())
    (ours,) = torch.autograd.grad(term.mean(), model.decoder.network[0].weight)
    assert float((ours - 0.7 * slope).norm() / (0.7 * slope).norm()) < 0.1


def test_each_vector_becomes_the_nearest_code(float64: None) -> None:
    flavour, model = made("vq_vae", 6, code_size=2, codes=7)
    flavour.call("begin", model, IMAGES / 255, flavour.defaults)
    q, codebook = model.encoder(X.double()), model.encoder.codebook.numpy()
    vectors = q.continuous.detach().numpy().reshape(12, 3, 1, 2)
    index = ((vectors - codebook) ** 2).sum(-1).argmin(-1)
    assert len(np.unique(index)) > 3
    np.testing.assert_array_equal(q.index, index)
    np.testing.assert_array_equal(model.encode(X.double()).detach(), codebook[index].reshape(12, 6))


def test_vectors_must_fill_the_latent() -> None:
    with pytest.raises(VaebenchError, match="code_size = 2 does not divide the latent size 3"):
        made("vq_vae", 3, code_size=2)


@pytest.mark.parametrize("codebook", ["gradient", "ema"])
def test_the_loss_of_an_image_does_not_depend_on_the_batch(float64: None, codebook: str) -> None:
    _, model = made("vq_vae", 4, code_size=2, codebook=codebook)
    x = X.double()
    together, _ = losses("vq_vae", model, x, codebook=codebook)
    repeated, _ = losses("vq_vae", model, x[3:4].expand(50, -1, -1, -1), codebook=codebook)
    assert set(together) == {"distortion", "rate", "commitment"} | ({"codebook"} if codebook == "gradient" else set())
    for name, term in together.items():
        torch.testing.assert_close(repeated[name], term[3].expand(50), rtol=1e-12, atol=1e-12)


def test_gradients_reach_what_the_paper_says(float64: None) -> None:
    _, model = made("vq_vae", 4, codebook="gradient")
    terms, _ = losses("vq_vae", model, X.double(), codebook="gradient", commitment=0.25)
    torch.testing.assert_close(terms["commitment"], 0.25 * terms["codebook"])
    owners = {
        "distortion": ("encoder.network", "decoder"),
        "commitment": ("encoder.network",),
        "codebook": ("encoder.codebook",),
    }
    for term, names in owners.items():
        reached = gradients(terms[term], model)
        assert all(reached[name] == name.startswith(names) for name in reached), term


def test_gradients_pass_straight_through_with_the_code_s_value() -> None:
    u = torch.tensor([[0.3, -7.1], [1e-3, 2.2]], requires_grad=True)
    code = torch.tensor([[0.1, -5.7], [1e3, 2.1]])
    z = Code(u, code, torch.zeros(2, 2), 1).rsample((3,))
    assert torch.equal(z, code.expand(3, 2, 2))
    weight = torch.arange(12.0).reshape(3, 2, 2)
    assert torch.equal(torch.autograd.grad((z * weight).sum(), u)[0], weight.sum(0))


@pytest.mark.parametrize("seeds", [[0], [0, 1]], ids=["single", "pack"])
def test_running_means_of_the_codebook_by_hand(float64: None, seeds: list[int]) -> None:
    """Two steps of a still encoder: van den Oord et al. 2017, appendix A.1."""
    flavour = catalogue.load("flavours", "vq_vae")
    hyper = flavour.defaults | {"codebook": "ema", "codes": 5, "decay": 0.8, "code_size": 2}
    training = Training(epochs=1, batch_size=20, learning_rate=1e-300)
    pack = Pack(flavour, design(4), hyper, training, seeds, Feed(IMAGES[:40], IMAGES[60:80], False))
    before = {name: value.clone() for name, value in pack.state.items()}
    list(pack.train())
    for slot, seed in enumerate(seeds):
        model = flavour.initial(design(4), hyper, seed)
        model.load_state_dict({name: value[slot] for name, value in before.items()})
        start = model.encoder.codebook.numpy().copy()
        weighted, counts = np.zeros((5, 2)), np.zeros(5)
        order = random.permutation(random.fold(torch.tensor(random.key(seed, "order")), 0), 40)
        for batch in order.split(20):
            with torch.no_grad():
                q = model.encoder((IMAGES[batch] / 255).double())
            index = q.index.flatten().numpy()
            vectors = q.continuous.numpy().reshape(-1, 2)
            totals = np.stack([vectors[index == code].sum(0) for code in range(5)])
            counts = 0.8 * counts + 0.2 * np.bincount(index, minlength=5)
            weighted = 0.8 * weighted + 0.2 * totals
            used = counts > 0
            codes = np.where(used[:, None], weighted / np.where(used, counts, 1)[:, None], start)
            model.encoder.codebook.copy_(torch.tensor(codes))
        assert used.sum() > 2 and not np.allclose(codes, start)
        np.testing.assert_allclose(pack.state["encoder.counts"][slot], counts, rtol=1e-6)
        np.testing.assert_allclose(pack.state["encoder.codebook"][slot], codes, rtol=1e-5, atol=1e-7)


def test_codes_start_as_vectors_of_the_training_images() -> None:
    flavour, model = made("vq_vae", 4, codes=30, code_size=2)
    flavour.call("begin", model, IMAGES / 255, flavour.defaults)
    with torch.no_grad():
        vectors = model.encoder(IMAGES / 255).continuous.reshape(-1, 2)
    assert distances(model.encoder.codebook, vectors).min(1).values.max() < 1e-5
    assert len(model.encoder.codebook.unique(dim=0)) > 25


def every(name: str, model: VAE) -> Tensor:
    """All latents of a model, one for each combination of codes, equally likely."""
    if name == "hrq_vae":
        sums = [sum(parts) for parts in itertools.product(*model.encoder.codebooks.detach())]
        return torch.stack(sums)
    positions = 4 // model.encoder.codebook.shape[1]
    return torch.stack([torch.cat(parts) for parts in itertools.product(model.encoder.codebook, repeat=positions)])


@pytest.mark.parametrize(
    ("name", "hyper", "latents"),
    [
        ("vq_vae", {"codes": 5, "code_size": 2}, 25),
        ("fsq_vae", {"levels": 3}, 81),
        ("gumbel_vae", {}, 16),
        ("hrq_vae", {"codes": 5, "levels": 2, "dropout": 0.0}, 25),
    ],
)
@torch.no_grad()
def test_the_evidence_by_enumeration_is_above_the_bound(float64: None, name: str, hyper: dict, latents: int) -> None:
    """log p(x) over all codes: above the bound, equal to what the prior's draws and the posterior's weights give."""
    _, model = made(name, 4, **hyper)
    for parameter in model.decoder.parameters():
        parameter.mul_(3)
    x, codes, count = X[:3].double(), every(name, model), 20_000
    assert codes.shape == (latents, 4)
    evidence = model.decoder(codes[:, None]).log_prob(x).logsumexp(0) - math.log(latents)
    terms, _ = losses(name, model, x.repeat(2000, 1, 1, 1), **hyper)
    bounds = -(terms["distortion"] + terms["rate"]).reshape(2000, 3)
    slack = 4 * bounds.std(0) / math.sqrt(2000)
    assert (bounds.mean(0) < evidence + slack).all()
    with random.stream(torch.tensor(3)):
        draw = model(x, count)
        prior = draw.p.rsample((count,))
    torch.testing.assert_close(bounds.mean(0), (draw.log_px - draw.kl).mean(0), rtol=0, atol=0.3)
    fits = model.decoder(prior[:, None]).log_prob(x)
    chances = (fits - fits.logsumexp(0)).exp()
    torch.testing.assert_close(fits.logsumexp(0) - math.log(count), evidence, rtol=0, atol=0.1)
    assert chances.square().sum(0).max() < 0.01
    assert distances(prior[:500], codes).min(1).values.max() < 1e-12
    if name in ("gumbel_vae", "hrq_vae"):
        torch.testing.assert_close(draw.log_w.logsumexp(0) - math.log(count), evidence, rtol=0, atol=0.05)
    else:
        assert (draw.log_w < evidence).all()


@pytest.mark.parametrize("levels", [2, 4, 5])
def test_finite_scalars_are_the_nearest_of_even_levels(float64: None, levels: int) -> None:
    _, model = made("fsq_vae", 3, levels=levels)
    with torch.no_grad():
        model.encoder.network[-1].weight.mul_(100)
        q = model.encoder(X.double())
    grid = np.linspace(-1, 1, levels)
    np.testing.assert_allclose(model.encoder.codebook[:, 0], grid, atol=1e-15)
    u = model.encoder.network(X.double()).detach().numpy()
    squashed = u / (1 + np.abs(u))
    nearest = grid[np.abs(squashed[..., None] - grid).argmin(-1)]
    np.testing.assert_allclose(q.mean, nearest, atol=1e-15)
    assert set(q.mean.flatten().tolist()) == set(model.encoder.codebook.flatten().tolist())
    assert float(Draw(X, q.mean, q, model.prior(model.encoder), None).kl[0]) == pytest.approx(3 * math.log(levels))


def test_levels_pushed_to_one_end_come_back() -> None:
    """From where all images share one code, training finds a second one: by tanh, without tails, it never does."""
    flavour = catalogue.load("flavours", "fsq_vae")
    pack = Pack(flavour, design(1), flavour.defaults, Training(8, 50, 0.01), [0], Feed(IMAGES, IMAGES[:200], False))
    pack.state["encoder.network.3.bias"].fill_(12.0)
    assert len(pack.stack.model.encode(IMAGES / 255).unique()) == 1
    list(pack.train())
    assert len(pack.stack.model.encode(IMAGES / 255).unique()) > 1


def test_logits_of_bits_stay_within_six_and_keep_a_gradient(float64: None) -> None:
    _, model = made("gumbel_vae", 3)
    last = model.encoder.network[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([60.0, -0.06, -1e6]))
    logits = model.encoder(X[:1].double()).logits
    torch.testing.assert_close(logits[0].detach(), torch.tensor([60 / 11, -0.06 / 1.01, -6 / (1 + 6e-6)]))
    (slope,) = torch.autograd.grad(logits.sum(), last.bias)
    torch.testing.assert_close(slope[:2], torch.tensor([1 / 121, 1 / 1.01**2]))


def test_bits_have_the_probabilities_of_their_logits(float64: None) -> None:
    logits = torch.tensor([[-30.0, -2.0, 0.0, 0.7, 3.0]], requires_grad=True)
    q, p, count = Bits(logits, torch.tensor(0.5)), Codes(torch.tensor([[0.0], [1.0]]), 5), 40_000
    with random.stream(torch.tensor(0)):
        z = q.rsample((count,))
    share = logits.detach().sigmoid()
    assert z.unique().tolist() == [0, 1]
    assert ((z.detach().mean(0) - share).abs() <= 4 * (share * (1 - share) / count).sqrt()).all()
    bernoulli = torch.distributions.Bernoulli(logits=logits)
    torch.testing.assert_close(q.log_prob(z.detach()), bernoulli.log_prob(z.detach()).sum(-1))
    even = torch.distributions.Bernoulli(probs=torch.full((1, 5), 0.5))
    kl = torch.distributions.kl_divergence
    torch.testing.assert_close(kl(q, p), kl(bernoulli, even).sum(-1))
    gap = (q.log_prob(z) - p.log_prob(z)).detach() - kl(q, p).detach()
    assert abs(float(gap.mean())) < 4 * float(gap.std()) / math.sqrt(count)


def test_the_gradient_of_a_bit_is_that_of_the_binary_concrete(float64: None) -> None:
    logits = torch.tensor([[0.4, -1.3]], requires_grad=True)
    for temperature in (1.0, 0.5):
        with random.stream(torch.tensor(7)):
            z = Bits(logits, torch.tensor(temperature)).rsample()
        with random.stream(torch.tensor(7)):
            noise = random.uniform((1, 2), logits).logit()
        relaxed = ((logits + noise) / temperature).sigmoid()
        ours, concrete = (torch.autograd.grad(value.sum(), logits)[0] for value in (z, relaxed))
        torch.testing.assert_close(ours, concrete)


def test_refinements_quantise_what_is_left_over(float64: None) -> None:
    generator = torch.Generator().manual_seed(0)
    codebooks = torch.randn(3, 6, 2, generator=generator) * torch.tensor([2.0, 1.0, 0.5])[:, None, None]
    u = torch.randn(9, 2, generator=generator) * 2
    z = np.zeros((9, 2))
    for codebook in codebooks.numpy():
        z += codebook[((u.numpy()[:, None] - z[:, None] - codebook) ** 2).sum(-1).argmin(-1)]
    q = Refinements(u, codebooks, torch.tensor(0.3), torch.tensor(1.0))
    np.testing.assert_allclose(q.mean, z, atol=1e-14)


def test_refinements_are_drawn_by_the_softmax_of_distances(float64: None) -> None:
    """Frequencies of all 12 paths against their products of softmaxes; densities and KL of the same paths."""
    generator = torch.Generator().manual_seed(1)
    codebooks, u = torch.randn(2, 4, 2, generator=generator)[:, :3], torch.randn(1, 2, generator=generator)
    q, p, count = (
        Refinements(u, codebooks, torch.tensor(0.0), torch.tensor(1.0)),
        Refined(codebooks, torch.zeros(())),
        40_000,
    )
    with random.stream(torch.tensor(2)):
        z = q.rsample((count,))
    log_mass, rate = q.log_prob(z)[:, 0], torch.distributions.kl_divergence(q, p)[:, 0]
    total = 0.0
    for first, second in itertools.product(range(3), range(3)):
        log_first = (-(u[0] - codebooks[0]).square().sum(-1)).log_softmax(-1)
        log_second = (-(u[0] - codebooks[0, first] - codebooks[1]).square().sum(-1)).log_softmax(-1)
        hit = (z[:, 0] - codebooks[0, first] - codebooks[1, second]).norm(dim=-1) < 1e-9
        mass = float((log_first[first] + log_second[second]).exp())
        assert abs(float(hit.double().mean()) - mass) < 4 * math.sqrt(mass * (1 - mass) / count)
        torch.testing.assert_close(log_mass[hit], (log_first[first] + log_second[second]).expand(int(hit.sum())))
        kl = sum((log_q.exp() * (log_q + math.log(3))).sum() for log_q in (log_first, log_second))
        torch.testing.assert_close(rate[hit], kl.expand(int(hit.sum())))
        total += mass
    assert total == pytest.approx(1)


def test_depth_is_geometric_and_what_is_left_out_costs_nothing(float64: None) -> None:
    count = 40_000
    with random.stream(torch.tensor(4)):
        kept = depth((count,), 4, torch.tensor(0.3)).double()
    for level in range(4):
        share = 0.7**level
        assert abs(float(kept[level].mean()) - share) <= 4 * math.sqrt(share * (1 - share) / count)
    assert (kept[1:] <= kept[:-1]).all()
    codebooks, u = torch.randn(4, 5, 2, generator=torch.Generator().manual_seed(1)), torch.ones(1, 2)
    q, p = Refinements(u, codebooks, torch.tensor(1.0), torch.tensor(1.0)), Refined(codebooks, torch.tensor(1.0))
    with random.stream(torch.tensor(4)):
        z, prior = q.rsample((50,)), p.rsample((50,))
    for drawn in (z[:, 0], prior):
        assert distances(drawn, codebooks[0]).min(1).values.max() < 1e-12
    log_q = (-(u - codebooks[0]).square().sum(-1)).log_softmax(-1)
    torch.testing.assert_close(torch.distributions.kl_divergence(q, p)[0, 0], (log_q.exp() * log_q).sum() + math.log(5))
    chosen = distances(z[:, 0], codebooks[0]).argmin(1)
    torch.testing.assert_close((q.log_prob(z) - p.log_prob(z))[:, 0], log_q[chosen] + math.log(5))


def test_norms_that_do_not_shrink_are_penalised(float64: None) -> None:
    _, model = made("hrq_vae", 2, levels=3)
    with torch.no_grad():
        for codebook, norm in zip(model.encoder.codebooks, (2.0, 1.0, 0.9), strict=True):
            codebook *= norm / codebook.norm(dim=-1, keepdim=True)
    terms, _ = losses("hrq_vae", model, X.double(), levels=3, norm=0.4, ratio=1.5)
    assert float(terms["norm"].detach()) == pytest.approx(0.4 * (0.35**2) / 2)  # 1.5 / 2 is below 1, 1.5 * 0.9 is not


@pytest.mark.parametrize("levels", [1, 2])
def test_training_cools_and_ends_the_dropout(levels: int) -> None:
    flavour = catalogue.load("flavours", "hrq_vae")
    hyper = flavour.defaults | {"levels": levels, "hot": 2.0, "cold": 0.5}
    pack = Pack(flavour, design(2), hyper, Training(2, 30), [0, 1], Feed(IMAGES[:60], IMAGES[60:80], False))
    list(pack.train())
    assert pack.state["encoder.temperature"].tolist() == pytest.approx([2 * 0.25**0.75] * 2)
    assert cooled(2.0, 0.5, torch.tensor([0.0, 0.5, 1.0])).tolist() == [2, 1, 0.5]
    assert pack.state["encoder.dropout"].tolist() == pytest.approx([0.1, 0.1])
    assert float(pack.finished(0, "best").encoder.dropout) == 0


def test_a_single_code_has_an_elbo_and_no_sampled_likelihood() -> None:
    model = catalogue.load("flavours", "fsq_vae").initial(design(2), {}, 0)
    x = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)).round()
    subject = Subject(model, x, x, 0, importance_samples=3, importance_images=6)
    found = {name: next(catalogue.load("metrics", name).rows(subject)) for name in ("elbo", "nll")}
    exact = model(x).log_px.detach().double().mean() - 2 * math.log(5)
    assert found["elbo"].value == pytest.approx(float(exact), rel=1e-6)
    assert found["nll"].value is None and "single code" in found["nll"].reason
