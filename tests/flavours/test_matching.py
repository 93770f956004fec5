"""Flavours that match the aggregate posterior to the prior, and adversarial ones: their discrepancies and games."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from torch import Tensor, nn

from vaebench import random
from vaebench.errors import VaebenchError
from vaebench.flavours.deterministic.swae import sliced_wasserstein
from vaebench.model.distributions.delta import Delta
from vaebench.model.networks.mlp import mlp
from vaebench.model.objectives.mmd import SCALES, mmd
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack

IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
X = IMAGES[:12] / 255
FLAVOURS = ("info_vae", "wae_mmd", "swae", "adversarial_ae", "vae_gan")


def design(latent: int = 2) -> Design:
    return Design((1, 8, 8), latent, mlp((1, 8, 8), hidden=(16,)), catalogue.load("likelihoods", "bernoulli"))


def build(name: str, latent: int = 2, **hyper: Any) -> VAE:
    return catalogue.load("flavours", name).initial(design(latent), hyper, 0)


def terms(name: str, player: str, model: VAE, x: Tensor, **hyper: Any) -> Mapping[str, Tensor]:
    """A player's terms, drawn from a stream that `replayed` opens again."""
    flavour = catalogue.load("flavours", name)
    with replayed():
        known = flavour.defaults | {"progress": torch.tensor(0.5), "n_data": 100, "grey": x} | hyper
        return flavour.terms(player, model, x, known)[0]


def replayed():
    return random.stream(torch.tensor(7))


def draws(count: int, *shape: int) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


# Discrepancies


def by_hand(x: np.ndarray, y: np.ndarray, kernel: str, bandwidth: float, unbiased: bool) -> float:
    """Equations 3 and 5 of Gretton et al. 2012 as they stand, pair by pair."""
    unit = 2 * bandwidth * x.shape[1]

    def k(a: np.ndarray, b: np.ndarray) -> float:
        square = float(((a - b) ** 2).sum())
        if kernel == "rbf":
            return math.exp(-square / unit)
        return sum(scale * unit / (scale * unit + square) for scale in SCALES)

    def within(points: np.ndarray) -> float:
        pairs = [(i, j) for i, j in itertools.product(range(len(points)), repeat=2) if not unbiased or i != j]
        return sum(k(points[i], points[j]) for i, j in pairs) / len(pairs)

    return within(x) + within(y) - 2 * float(np.mean([k(a, b) for a in x for b in y]))


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("kernel", ["imq", "rbf"])
@pytest.mark.parametrize(("bandwidth", "size"), [(1.0, 3), (0.3, 1)])
def test_discrepancy_is_the_double_loop(kernel: str, unbiased: bool, bandwidth: float, size: int) -> None:
    x, y = draws(2, 7, size)
    y = 1.5 * y + 0.4
    expected = by_hand(x.numpy(), y.numpy(), kernel, bandwidth, unbiased)
    assert float(mmd(x, y, kernel, bandwidth, unbiased)) == pytest.approx(expected, rel=1e-12)
    single = float(mmd(x[:1], y[:1], kernel, bandwidth, unbiased))
    assert single == pytest.approx(by_hand(x[:1].numpy(), y[:1].numpy(), kernel, bandwidth, False), rel=1e-12)


def expected_rbf(shift: Tensor, variance: float, bandwidth: float) -> float:
    """Mean of the kernel at a difference of law N(shift, variance)."""
    size = len(shift)
    rate = 1 / (2 * bandwidth * size)
    spread = 1 + 2 * rate * variance
    return spread ** (-size / 2) * math.exp(-rate * float(shift.square().sum()) / spread)


@pytest.mark.parametrize("bandwidth", [1.0, 0.2])
def test_the_u_statistic_is_unbiased_and_the_v_statistic_is_off_by_the_diagonal(bandwidth: float) -> None:
    """Two Gaussians N(0, 1) and N(m, s^2), apart and equal, against the closed form of the RBF discrepancy."""
    count, size, repeats = 20, 3, 1500
    x, y = draws(2 * repeats, count, size).split(repeats)
    zero = torch.zeros(size)
    for shift, deviation in ((zero, 1.0), (torch.tensor([0.5, -1.0, 0.2]), 0.6)):
        own = expected_rbf(zero, 2, bandwidth), expected_rbf(zero, 2 * deviation**2, bandwidth)
        exact = sum(own) - 2 * expected_rbf(shift, 1 + deviation**2, bandwidth)
        for unbiased, bias in ((True, 0.0), (False, sum(1 - mean for mean in own) / count)):
            values = torch.func.vmap(lambda a, b, u=unbiased: mmd(a, b, "rbf", bandwidth, u))(x, shift + deviation * y)
            error = float(values.std() / math.sqrt(repeats))
            assert abs(float(values.mean()) - exact - bias) < 4 * error < 0.01
    same = torch.func.vmap(mmd)(x, y)
    assert abs(float(same.mean())) < 4 * float(same.std()) / math.sqrt(repeats)


def test_discrepancy_of_far_latents_is_finite_in_single_precision() -> None:
    x, y = draws(2, 50, 4).float()
    point = x.clone().requires_grad_()
    for kernel, most in (("imq", 2 * len(SCALES)), ("rbf", 2)):
        value = mmd(x * 1e-3 + 1e4, y, kernel)
        assert 0 < float(value) < 1.01 * most
        assert torch.autograd.grad(mmd(point, point.detach(), kernel), point)[0].isfinite().all()


def test_sliced_wasserstein_is_the_optimal_assignment_of_every_projection() -> None:
    x, y = draws(2, 30, 3)
    y = 0.5 * y.exp()
    with replayed():
        value = float(sliced_wasserstein(x, y, 5))
    with replayed():
        directions = random.normal((5, 3), like=x)
    costs = []
    for direction in directions / directions.square().sum(1, keepdim=True).sqrt():
        cost = cdist((x @ direction)[:, None].numpy(), (y @ direction)[:, None].numpy(), "sqeuclidean")
        costs.append(cost[linear_sum_assignment(cost)].mean())
    assert value == pytest.approx(np.mean(costs), rel=1e-12)


def test_sliced_wasserstein_of_gaussians_is_the_closed_form() -> None:
    """A shift by m costs |m|^2 / d; in one dimension N(m, s^2) is m^2 + (s - 1)^2 from N(0, 1)."""
    shift = torch.tensor([1.0, -2.0, 0.5, 0.0])
    x = draws(10, 4)
    with replayed():
        values = torch.stack([sliced_wasserstein(x, x + shift, 1) for _ in range(2000)])
    error = float(values.std()) / math.sqrt(len(values))
    assert abs(float(values.mean()) - float(shift.square().mean())) < 4 * error < 0.15
    quantiles = torch.special.ndtri((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000)[:, None]
    assert float(sliced_wasserstein(quantiles, 0.4 * quantiles.flip(0) + 0.3, 3)) == pytest.approx(0.45, abs=1e-3)


# Special cases


def trained(name: str, **hyper: Any) -> dict[str, Tensor]:
    flavour = catalogue.load("flavours", name)
    feed, training = Feed(IMAGES[:60], IMAGES[60:80], True), Training(epochs=2, batch_size=20)
    runs = Pack(flavour, design(), flavour.defaults | hyper, training, [0], feed)
    list(runs.train())
    return runs.state


@pytest.mark.parametrize(
    ("name", "hyper", "plain", "other"),
    [
        ("wae_mmd", {"weight": 0.0}, "ae", {}),
        ("swae", {"weight": 0.0}, "ae", {}),
        ("adversarial_ae", {"weight": 0.0}, "ae", {}),
        ("info_vae", {"alpha": 0.0, "scale": 1 / 64}, "vae", {}),
        ("info_vae", {"alpha": -3.0, "scale": 4 / 64, "kernel": "rbf"}, "beta_vae", {"beta": 4.0}),
    ],
)
def test_without_its_discrepancy_a_flavour_is_a_plain_one_to_the_last_bit(
    name: str, hyper: dict[str, Any], plain: str, other: dict[str, Any]
) -> None:
    ours, theirs = trained(name, **hyper), trained(plain, **other)
    assert len(theirs) >= 8 and all(torch.equal(ours[key], value) for key, value in theirs.items())


def test_a_negative_weight_of_the_discrepancy_is_told_at_build() -> None:
    build("info_vae", alpha=0.75, scale=0.25 / 64)
    with pytest.raises(VaebenchError, match=r"alpha \+ scale \* pixels = 0.5 is below 1.*raise scale to 0.011719 "):
        build("info_vae", alpha=0.25, scale=0.25 / 64)


def test_vae_gan_is_validated_by_the_negative_elbo() -> None:
    model = build("vae_gan")
    ours, vae = terms("vae_gan", "criterion", model, X), terms("vae", "model", model, X)
    assert ours.keys() == vae.keys() and all(torch.equal(ours[name], vae[name]) for name in vae)


@pytest.mark.parametrize("name", FLAVOURS)
def test_a_batch_of_one_and_a_latent_of_one_train(name: str) -> None:
    model = build(name, latent=1)
    flavour = catalogue.load("flavours", name)
    for player in flavour.players:
        loss = sum(term.mean() for term in terms(name, player, model, X[:1]).values())
        owned = [
            model.get_parameter(key) for key in flavour.owned(player, [key for key, _ in model.named_parameters()])
        ]
        assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, owned))


# Games


def cross_entropy(logit: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logit, torch.full_like(logit, label))


def pixels(logit: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logit, X.double(), reduction="sum") / len(X)


def point(model: VAE) -> tuple[Tensor, Tensor]:
    """Latents of a deterministic encoder, and draws of the prior."""
    z = model.encoder.network(X.double())
    return z, random.normal(z.shape, z)


def info_vae(model: VAE) -> Tensor:
    mean, log_std = model.encoder.network(X.double()).chunk(2, 1)
    z = mean + log_std.exp() * random.normal(mean.shape, mean)
    kl = 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(1).mean()
    discrepancy = plain_rbf(z, random.normal(z.shape, z), 0.5)
    return pixels(model.decoder.network(z)) + (1 - 0.5) * kl + (0.5 + 3 - 1) * discrepancy


def wae_mmd(model: VAE) -> Tensor:
    z, prior = point(model)
    return pixels(model.decoder.network(z)) + 3 * plain_rbf(z, prior, 0.5)


def plain_rbf(x: Tensor, y: Tensor, bandwidth: float) -> Tensor:
    first, second = torch.triu_indices(len(x), len(x), 1)

    def k(a: Tensor, b: Tensor) -> Tensor:
        return (-(a - b).square().sum(-1) / (2 * bandwidth * x.shape[1])).exp().mean()

    return k(x[first], x[second]) + k(y[first], y[second]) - 2 * k(x[:, None], y)


def swae(model: VAE) -> Tensor:
    z, prior = point(model)
    directions = F.normalize(random.normal((6, 2), z))
    pairs = [((z @ way).sort().values, (prior @ way).sort().values) for way in directions]
    return pixels(model.decoder.network(z)) + 3 * torch.stack([F.mse_loss(a, b) for a, b in pairs]).mean()


def adversarial_ae(model: VAE) -> Tensor:
    z, _ = point(model)
    return pixels(model.decoder.network(z)) + 3 * cross_entropy(model.critic.network(z), 1)


def adversarial_ae_critic(model: VAE) -> Tensor:
    z, prior = point(model)
    return (cross_entropy(model.critic.network(prior), 1) + cross_entropy(model.critic.network(z), 0)) / 2


class Seen:
    """Everything that the players of VAE-GAN look at, in plain torch."""

    def __init__(self, model: VAE) -> None:
        mean, log_std = model.encoder.network(X.double()).chunk(2, 1)
        z = mean + log_std.exp() * random.normal(mean.shape, mean)
        self.kl = 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(1).mean()
        self.real = X.double().requires_grad_()
        images = self.real, *(model.decoder.network(code).sigmoid() for code in (z, random.normal(z.shape, z)))
        first = model.critic.trunk[1]
        features = [image.flatten(1) @ first.weight.T / 10 + first.bias / 10 for image in images]
        unit = (features[0] - features[0].mean(0)).square().mean() + 1e-5
        self.distance = 0.5 * 64 * (features[0] - features[1]).square().mean() / unit
        _, middle, _, last = model.critic.head
        hidden = [middle(f * f.sigmoid()) for f in features]
        self.logits = [last(h * h.sigmoid()) for h in hidden]


def vae_gan(model: VAE) -> Tensor:
    seen = Seen(model)
    return seen.kl + seen.distance


def vae_gan_decoder(model: VAE) -> Tensor:
    seen = Seen(model)
    return 0.2 * seen.distance + cross_entropy(seen.logits[1], 1) + cross_entropy(seen.logits[2], 1)


def vae_gan_critic(model: VAE) -> Tensor:
    seen = Seen(model)
    (slope,) = torch.autograd.grad(seen.logits[0].sum(), seen.real, create_graph=True)
    losses = [cross_entropy(logit, label) for logit, label in zip(seen.logits, (1, 0, 0), strict=True)]
    return sum(losses) + 0.5 * 2 * slope.square().sum() / len(X)


HYPER: dict[str, dict[str, Any]] = {
    "info_vae": {"alpha": 0.5, "scale": 3 / 64, "kernel": "rbf", "bandwidth": 0.5},
    "wae_mmd": {"weight": 3 / 64, "kernel": "rbf", "bandwidth": 0.5},
    "swae": {"weight": 3 / 64, "projections": 6},
    "adversarial_ae": {"weight": 3 / 64},
    "vae_gan": {"gamma": 0.2, "penalty": 2.0, "features": 5},
}
OBJECTIVES = {
    ("info_vae", "model"): info_vae,
    ("wae_mmd", "model"): wae_mmd,
    ("swae", "model"): swae,
    ("adversarial_ae", "model"): adversarial_ae,
    ("adversarial_ae", "critic"): adversarial_ae_critic,
    ("vae_gan", "model"): vae_gan,
    ("vae_gan", "decoder"): vae_gan_decoder,
    ("vae_gan", "critic"): vae_gan_critic,
}


@pytest.mark.parametrize(("name", "player"), OBJECTIVES)
def test_every_gradient_is_that_of_the_papers_objective(name: str, player: str, float64: None) -> None:
    flavour, model = catalogue.load("flavours", name), build(name, **HYPER[name])
    owned = flavour.owned(player, [key for key, _ in model.named_parameters()])
    parameters = [model.get_parameter(key) for key in owned]
    ours = sum(term.mean() for term in terms(name, player, model, X.double(), **HYPER[name]).values())
    with replayed():
        theirs = OBJECTIVES[name, player](model)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=0)
    pairs = zip(owned, *(torch.autograd.grad(loss, parameters) for loss in (ours, theirs)), strict=True)
    for key, gradient, expected in pairs:
        assert expected.abs().max() > 0, key
        torch.testing.assert_close(gradient, expected, rtol=1e-7, atol=1e-12, msg=key)


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("name", ["adversarial_ae", "vae_gan"])
def test_a_player_moves_what_it_owns_and_nothing_else(name: str, width: int) -> None:
    flavour = catalogue.load("flavours", name)
    feed = Feed(IMAGES[:20], IMAGES[20:30], False)
    runs = Pack(flavour, design(), flavour.defaults, Training(batch_size=20), list(range(width)), feed)
    facts = {"progress": torch.zeros(()), "n_data": 20}
    for player in flavour.players:
        before = {key: value.clone() for key, value in runs.state.items()}
        total, _, updates = runs.stack.terms(player, runs.step.images, facts, runs.keys["noise"])
        runs.step.move(player, total, updates)
        moved = {key for key, value in runs.state.items() if not torch.equal(value, before[key])}
        assert moved == set(runs.stack.owned[player]) != set()


def test_the_decoder_of_vae_gan_fools_its_critic(float64: None) -> None:
    """The adversarial gradient is that of the paper's -L_GAN where the critic is undecided, and raises its logits."""
    model = build("vae_gan", gamma=0.0)
    with torch.no_grad():
        model.critic.head[-1].weight.mul_(1e-4)
        model.critic.head[-1].bias.zero_()
    parameters = list(model.decoder.parameters())
    with replayed():
        fakes = torch.cat(Seen(model).logits[1:])
    gain = fakes.sigmoid().neg().log1p().sum() / len(X)  # the share of L_GAN that the decoder can move
    paper = torch.autograd.grad(gain, parameters, retain_graph=True)
    raising = torch.autograd.grad(fakes.sum(), parameters)
    loss = terms("vae_gan", "decoder", model, X.double(), gamma=0.0)["adversarial"].mean()
    ours = nn.utils.parameters_to_vector(torch.autograd.grad(loss, parameters))
    torch.testing.assert_close(ours, nn.utils.parameters_to_vector(paper), rtol=1e-3, atol=1e-10)
    assert F.cosine_similarity(-ours, nn.utils.parameters_to_vector(raising), dim=0) > 0.999


def test_the_critic_of_adversarial_ae_learns_the_log_ratio() -> None:
    """Against latents of N(1, 0.7^2) its logit becomes log N(z; 0, 1) - log N(z; 1, 0.7^2)."""

    class Known(nn.Module):
        def forward(self, x: Tensor) -> Delta:
            return Delta(1 + 0.7 * random.normal((len(x), 1), x))

    flavour, model = (
        catalogue.load("flavours", "adversarial_ae"),
        build("adversarial_ae", latent=1, critic_hidden=(32, 32)),
    )
    model.encoder = Known()
    optimiser = torch.optim.Adam(model.critic.parameters(), 0.01)
    x = X[:1].expand(1000, -1, -1, -1)
    for step in range(250):
        with random.stream(torch.tensor(step)):
            loss = flavour.terms("critic", model, x, {})[0]["classification"].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.param_groups[0]["lr"] = 0.01 * (1 - step / 250)
        optimiser.step()
    z = torch.linspace(-0.7, 2.2, 30)
    ratio = -0.5 * z.square() + 0.5 * ((z - 1) / 0.7).square() + math.log(0.7)
    assert (model.critic(z[:, None]) - ratio).abs().max() < 0.25
