"""Disentanglement and information: estimators against closed forms, losses against their formulas written out."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import convolve2d
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal

from vaebench import random
from vaebench.flavours.gaussian.factor_vae import factor_vae
from vaebench.flavours.gaussian.infomax_vae import LIMIT, infomax_vae
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.networks.mlp import mlp
from vaebench.model.objectives.schedule import ramp
from vaebench.model.objectives.ssim import multiscale_ssim, ssim
from vaebench.model.objectives.total_correlation import aggregate, log_weights, permuted
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack

IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
NAMES = (
    "annealed_vae",
    "beta_tc_vae",
    "dip_vae",
    "disentangled_beta_vae",
    "factor_vae",
    "infomax_vae",
    "msssim_vae",
)
RHO = 0.8


def digits(count: int = 12) -> Tensor:
    return (IMAGES[:count] / 255).to(torch.get_default_dtype())


def design(latent: int = 3, likelihood: str = "bernoulli") -> Design:
    return Design((1, 8, 8), latent, mlp((1, 8, 8), hidden=(16,)), catalogue.load("likelihoods", likelihood))


def model(name: str, latent: int = 3, **hyper: Any) -> VAE:
    flavour = catalogue.load("flavours", name)
    return flavour.initial(design(latent), flavour.defaults | hyper, 0)


def terms(name: str, vae: VAE, x: Tensor, *, player: str = "model", seed: int = 5, **known: Any) -> dict[str, Tensor]:
    flavour = catalogue.load("flavours", name)
    known = flavour.defaults | {"progress": torch.tensor(0.5), "n_data": 100, "grey": x} | known
    with random.stream(torch.tensor(seed)):
        return flavour.terms(player, vae, x, known)[0]


def total(values: dict[str, Tensor]) -> Tensor:
    return sum((term.mean() for term in values.values()), torch.zeros(()))


def train(name: str, epochs: int, **hyper: Any) -> Pack:
    flavour, feed = catalogue.load("flavours", name), Feed(IMAGES[:300], IMAGES[300:400], True)
    runs = Pack(flavour, design(), flavour.defaults | hyper, Training(epochs=epochs, batch_size=60), [0], feed)
    list(runs.train())
    return runs


def assert_gradients(value: Tensor, formula: Tensor, vae: VAE, player: str, flavour) -> dict[str, Tensor]:
    """Both give the same gradient to each parameter that the player owns, and not only zeros."""
    parameters = dict(vae.named_parameters())
    owned = flavour.owned(player, list(parameters))
    ours, theirs = (
        torch.autograd.grad(loss, [parameters[name] for name in owned], retain_graph=True) for loss in (value, formula)
    )
    for name, one, other in zip(owned, ours, theirs, strict=True):
        assert other.abs().max() > 0, name
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12, msg=name)
    return dict(zip(owned, ours, strict=True))


# Settings that reduce to the VAE


@pytest.mark.parametrize(
    ("name", "hyper"),
    [
        ("disentangled_beta_vae", {"gamma": 1.0, "capacity": 0.0}),
        ("annealed_vae", {"warmup": 0.0, "cycles": 3}),
        ("dip_vae", {"lambda_off": 0.0, "lambda_diagonal": 0.0}),
        ("factor_vae", {"gamma": 0.0}),
        ("infomax_vae", {"alpha": 0.0}),
    ],
)
def test_degenerate_settings_train_the_vae_to_the_last_bit(name: str, hyper: dict[str, Any]) -> None:
    ours, vae = train(name, 2, **hyper).state, train("vae", 2).state
    assert all(torch.equal(ours[part], value) for part, value in vae.items())


@pytest.mark.parametrize("estimator", ["mss", "mws"])
def test_beta_tc_of_unit_weights_is_the_elbo_of_one_sample(estimator: str, float64: None) -> None:
    vae, x = model("beta_tc_vae"), digits()
    values = terms("beta_tc_vae", vae, x, beta=1.0, estimator=estimator)
    with random.stream(torch.tensor(5)):
        elbo = vae(x).log_w
    torch.testing.assert_close(sum(values.values()), -elbo, rtol=1e-12, atol=1e-11)
    assert_gradients(total(values), -elbo.mean(), vae, "model", catalogue.load("flavours", "beta_tc_vae"))


@pytest.mark.parametrize("name", NAMES)
def test_training_lowers_the_validation_loss(name: str) -> None:
    runs = train(name, 25)
    losses = [row["value"] for row in runs.runs[0].history if (row["split"], row["term"]) == ("validation", "total")]
    assert runs.runs[0].status == "finished" and losses[-1] < losses[0] - 5


# Schedules


def test_capacity_grows_over_the_warmup_to_its_maximum(float64: None) -> None:
    vae, x = model("disentangled_beta_vae"), digits()
    kl = terms("vae", vae, x)["rate"].mean()
    hyper: dict[str, float] = {"gamma": 7.0, "capacity": 20 / 64}
    for progress, warmup, capacity in [
        (0, 0.5, 0),
        (0.125, 0.5, 5),
        (0.5, 0.5, 20),
        (1, 0.5, 20),
        (1, 1, 20),
        (0, 0, 20),
    ]:
        values = terms("disentangled_beta_vae", vae, x, progress=torch.tensor(float(progress)), warmup=warmup, **hyper)
        assert values["rate"].item() == pytest.approx(7 * abs(kl.item() - capacity), rel=1e-12)
    assert ramp(torch.arange(9) / 8, 0.5).tolist() == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("cycles", "weights"),
    [
        (1, {0: 0, 0.125: 0.25, 0.25: 0.5, 0.5: 1, 0.75: 1}),
        (4, {0: 0, 0.03125: 0.25, 0.125: 1, 0.1875: 1, 0.25: 0, 0.3125: 0.5, 0.999: 1}),
    ],
)
def test_annealing_is_linear_in_each_cycle_and_over_at_validation(cycles: int, weights: dict[float, float]) -> None:
    vae, x = model("annealed_vae"), digits()
    plain = terms("vae", vae, x)
    for progress, weight in (weights | {1.0: 1.0}).items():
        vae.train(progress < 1)
        values = terms("annealed_vae", vae, x, beta=3.0, cycles=cycles, progress=torch.tensor(float(progress)))
        torch.testing.assert_close(values["rate"], 3 * weight * plain["rate"], rtol=1e-6, atol=0)
        assert torch.equal(values["distortion"], plain["distortion"])


# Total correlation


def posterior(count: int, latent: int = 2, seed: int = 0) -> Gaussian:
    noise = random.Stream(torch.tensor(seed))
    return Gaussian(noise.normal((count, latent), torch.float64), 0.3 * noise.normal((count, latent), torch.float64))


@pytest.mark.parametrize(("count", "n_data"), [(2, 2), (5, 7), (5, 5), (64, 1000), (20, 10)])
def test_stratified_weights_sum_to_one(count: int, n_data: int, float64: None) -> None:
    like = torch.zeros(())
    weights = {name: log_weights(count, n_data, name, like).exp() for name in ("mss", "mws")}
    torch.testing.assert_close(weights["mss"].sum(1), torch.ones(count), rtol=1e-14, atol=0)
    torch.testing.assert_close(weights["mss"].diagonal(), torch.full((count,), 1 / n_data), rtol=1e-13, atol=0)
    torch.testing.assert_close(weights["mws"].sum(1), torch.full((count,), 1 / n_data), rtol=1e-13, atol=0)


@pytest.mark.parametrize("latent", [1, 2])
def test_stratified_sampling_is_unbiased_over_all_batches_and_weighted_sampling_is_not(
    latent: int, float64: None
) -> None:
    """Every batch of 3 out of 6 that holds image 0; the paper's weights, over all orders, as the yardstick."""
    n_data, count = 6, 3
    q = posterior(n_data, latent)
    with random.stream(torch.tensor(1)):
        z = q.rsample()[:1]
    exact = Normal(q.mean, q.stddev).log_prob(z).sum(-1).exp()
    found: dict[str, list[float]] = {"mss": [], "mws": []}
    paper = []
    for others in itertools.permutations(range(1, n_data), count - 1):
        chosen = torch.tensor((0, *others))
        batch = Gaussian(q.mean[chosen], q.log_std[chosen])
        for name, values in found.items():
            joint, marginals = aggregate(batch, z.expand(count, -1), n_data, name)
            values.append(joint[0].exp().item())
            assert latent > 1 or torch.equal(joint, marginals)
        pairs = count - 1  # the paper's M
        share = [1 / n_data, *[1 / pairs] * (pairs - 1), (n_data - pairs) / (n_data * pairs)]
        paper.append(sum(weight * exact[image].item() for weight, image in zip(share, (0, *others), strict=True)))
    truth = exact.mean().item()
    assert np.mean(found["mss"]) == pytest.approx(truth, rel=1e-12) == pytest.approx(np.mean(paper), rel=1e-12)
    assert np.var(found["mss"]) < np.var(paper)
    # Image 0 is in every batch, so that it counts for more than its share; and all weights sum to 1 / N.
    own, rest = exact[0].item(), exact[1:].mean().item()
    assert np.mean(found["mws"]) == pytest.approx((own + (count - 1) * rest) / (n_data * count), rel=1e-12)
    assert abs(n_data * np.mean(found["mws"]) / truth - 1) > 0.01


def test_a_batch_of_the_whole_dataset_gives_the_aggregate_posterior_itself(float64: None) -> None:
    q = posterior(9, 3)
    with random.stream(torch.tensor(1)):
        z = q.rsample()
    each = Normal(q.mean, q.stddev).log_prob(z[:, None])
    joint, marginals = aggregate(q, z, 9, "mss")
    torch.testing.assert_close(joint, each.sum(-1).exp().mean(1).log(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(marginals, each.exp().mean(1).log().sum(-1), rtol=1e-12, atol=1e-12)


def test_total_correlation_and_information_of_a_gaussian(float64: None) -> None:
    """q(z|x) = N(x, s^2) of x ~ N(0, S - s^2): q(z) = N(0, S), TC = -log(1 - rho^2) / 2, I = log(|S| / s^4) / 2."""
    count, std = 1500, 0.6
    cover = torch.tensor([[1.2, RHO], [RHO, 1.2]])
    with random.stream(torch.tensor(1)):
        root = torch.linalg.cholesky(cover - std**2 * torch.eye(2))
        q = Gaussian(random.normal((count, 2), root) @ root.T, torch.full((count, 2), math.log(std)))
        z = q.rsample()
    joint, marginals = aggregate(q, z, count, "mss")
    for samples, exact in [
        (joint - marginals, -0.5 * math.log(1 - (RHO / 1.2) ** 2)),
        (q.log_prob(z) - joint, 0.5 * math.log(cover.det().item() / std**4)),
    ]:
        assert samples.mean().item() == pytest.approx(exact, abs=4 * samples.std().item() / math.sqrt(count))


@pytest.mark.parametrize("estimator", ["mss", "mws"])
def test_beta_tc_is_its_formula_pair_by_pair(estimator: str, float64: None) -> None:
    vae, x, n_data = model("beta_tc_vae"), digits(5), 40
    with random.stream(torch.tensor(5)):
        draw = vae(x)
    count = len(x)
    rows = []
    for i in range(count):
        others = (1 - 1 / n_data) / (count - 1)
        share = [1 / (n_data * count) if estimator == "mws" else 1 / n_data if i == j else others for j in range(count)]
        each = torch.stack([Normal(draw.q.mean[j], draw.q.stddev[j]).log_prob(draw.z[i]).exp() for j in range(count)])
        weights = torch.tensor(share)
        joint = (weights * each.prod(1)).sum().log()
        marginals = (weights[:, None] * each).sum(0).log().sum()
        prior = Normal(0, 1).log_prob(draw.z[i]).sum()
        conditional = each[i].log().sum()
        rows.append(torch.stack((2 * (conditional - joint), 5 * (joint - marginals), 3 * (marginals - prior))))
    values = terms("beta_tc_vae", vae, x, alpha=2.0, beta=5.0, gamma=3.0, estimator=estimator, n_data=n_data)
    table = torch.stack(rows)
    names = ("mutual_information", "total_correlation", "dimensionwise_rate")
    for name, column in zip(names, table.T, strict=True):
        torch.testing.assert_close(values[name], column, rtol=1e-9, atol=1e-10)
    formula = -draw.log_px.mean() + table.sum(1).mean()
    assert_gradients(total(values), formula, vae, "model", catalogue.load("flavours", "beta_tc_vae"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_data", [1, 100])
def test_a_batch_of_one_has_finite_terms_and_gradients(name: str, n_data: int) -> None:
    vae = model(name)
    loss = total(terms(name, vae, digits(1), n_data=n_data))
    gradients = torch.autograd.grad(loss, list(vae.encoder.parameters()))
    assert loss.isfinite() and all(gradient.isfinite().all() for gradient in gradients)


# Critics


class correlated(nn.Module):
    """An encoder that reads the mean of q(z|x) off the image's first row, with one standard deviation."""

    def __init__(self, latent: int, std: float) -> None:
        super().__init__()
        self.latent, self.std = latent, nn.Parameter(torch.tensor(std))

    def forward(self, x: Tensor) -> Gaussian:
        return Gaussian(x[:, 0, 0, : self.latent], self.std.log())


class given(nn.Module):
    """A critic that is a given function, times and plus a parameter each."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function, self.scale, self.shift = function, nn.Parameter(torch.ones(())), nn.Parameter(torch.zeros(()))

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.scale * self.function(*inputs) + self.shift


def test_permuted_latents_keep_each_marginal_and_lose_the_dependence(float64: None) -> None:
    z = random.Stream(torch.tensor(0)).normal((4000, 1), torch.float64).expand(-1, 3) * torch.tensor([1.0, 2, 3])
    with random.stream(torch.tensor(2)):
        shuffled = permuted(z)
    assert torch.equal(shuffled.sort(0).values, z.sort(0).values)
    correlation = torch.corrcoef(torch.cat((shuffled, z[:, :1]), 1).T) - torch.eye(4)
    assert correlation.abs().max() < 4 / math.sqrt(4000)


def test_the_optimal_logit_gives_the_total_correlation_and_rests(float64: None) -> None:
    """z ~ N(0, S) of correlation rho: at log q(z) - log prod q(z_d) the critic's own loss is stationary."""
    count, std = 20_000, 0.4
    cover = torch.tensor([[1, RHO], [RHO, 1]])
    joint, marginal = MultivariateNormal(torch.zeros(2), cover), Normal(0.0, 1.0)
    vae = model("factor_vae", latent=2)
    vae.encoder = correlated(2, std)
    vae.critic = given(lambda z: joint.log_prob(z) - marginal.log_prob(z).sum(-1))
    x = torch.zeros(count, 1, 8, 8)
    noise = random.Stream(torch.tensor(3)).normal((count, 2), torch.float64)
    x[:, 0, 0, :2] = noise @ torch.linalg.cholesky(cover - std**2 * torch.eye(2)).T
    with torch.no_grad():
        samples = terms("factor_vae", vae, x, gamma=2.0)["total_correlation"]
    exact = -0.5 * math.log(1 - RHO**2)
    assert samples.mean().item() == pytest.approx(2 * exact, abs=4 * samples.std().item() / math.sqrt(count))

    def slope(scale: float, shift: float) -> Tensor:
        with torch.no_grad():
            vae.critic.scale.fill_(scale), vae.critic.shift.fill_(shift)
        loss = terms("factor_vae", vae, x, player="critic")["classification"].mean()
        return torch.stack(torch.autograd.grad(loss, [vae.critic.scale, vae.critic.shift]))

    assert slope(1, 0).abs().max() < 4 / math.sqrt(count)
    assert slope(0.5, 0)[0] < -0.02 and slope(1, -1)[1] < -0.1 and slope(1, 1)[1] > 0.1


def test_each_player_of_factor_vae_follows_its_own_objective(float64: None) -> None:
    vae, x = model("factor_vae"), digits()
    with random.stream(torch.tensor(5)):
        draw = vae(x)
        orders = random.uniform(draw.z.shape, draw.z).argsort(0)
    odds = vae.critic(draw.z).sigmoid()
    objective = -draw.log_px.mean() + draw.kl.mean() + 6 * (odds.log() - (1 - odds).log()).mean()
    assert_gradients(total(terms("factor_vae", vae, x, gamma=6.0)), objective, vae, "model", factor_vae)
    shuffled = torch.stack([draw.z[orders[:, d], d] for d in range(3)], 1)
    real, fake = vae.critic(draw.z), vae.critic(shuffled)
    objective = 0.5 * F.binary_cross_entropy_with_logits(real, torch.ones(12))
    objective = objective + 0.5 * F.binary_cross_entropy_with_logits(fake, torch.zeros(12))
    value = total(terms("factor_vae", vae, x, player="critic"))
    assert value.item() == pytest.approx(objective.item(), rel=1e-12)
    gradients = assert_gradients(value, objective, vae, "critic", factor_vae)
    assert gradients and all(name.startswith("critic.") for name in gradients)


def infomax(count: int, std: float, seed: int = 3) -> tuple[VAE, Tensor, float]:
    """A model of one latent z ~ N(x, s^2), x ~ N(0, 1 - s^2), images, and I(x; z) = -log s."""
    vae = model("infomax_vae", latent=1, critic_hidden=(32, 32))
    vae.encoder = correlated(1, std)
    x = torch.zeros(count, 1, 8, 8)
    x[:, 0, 0, 0] = math.sqrt(1 - std**2) * random.Stream(torch.tensor(seed)).normal(
        (count,), torch.get_default_dtype()
    )
    return vae, x, -math.log(std)


def test_the_optimal_critic_gives_the_mutual_information(float64: None) -> None:
    count, std = 20_000, math.sqrt(1 - RHO**2)
    vae, x, exact = infomax(count, std)
    assert exact == pytest.approx(-0.5 * math.log(1 - RHO**2))
    marginal = Normal(0.0, 1.0)
    vae.critic = given(lambda x, z: 1 + (Normal(x[:, 0, 0, :1], std).log_prob(z) - marginal.log_prob(z)).squeeze(-1))
    found = terms("infomax_vae", vae, x, player="critic")["bound"]
    assert -found.mean().item() == pytest.approx(exact, abs=4 * found.std().item() / math.sqrt(count))
    slopes = torch.autograd.grad(found.mean(), list(vae.critic.parameters()))
    assert max(slope.abs() for slope in slopes) < 4 * 3 / math.sqrt(count)
    with torch.no_grad():
        vae.critic.shift.fill_(0.5)
    assert -terms("infomax_vae", vae, x, player="critic")["bound"].mean() < exact - 0.05


def test_a_trained_critic_approaches_the_mutual_information() -> None:
    vae, _, exact = infomax(1, math.sqrt(1 - RHO**2))
    optimiser = torch.optim.Adam(vae.critic.parameters(), lr=0.005)
    for step in range(300):
        _, x, _ = infomax(256, vae.encoder.std.item(), seed=10 + step)
        optimiser.zero_grad()
        total(terms("infomax_vae", vae, x, player="critic", seed=step)).backward()
        optimiser.step()
    _, x, _ = infomax(20_000, vae.encoder.std.item(), seed=1)
    with torch.no_grad():
        found = -terms("infomax_vae", vae, x, alpha=2.0)["information"].mean().item() / 2
    assert 0.85 * exact < found < exact + 0.05


def test_each_player_of_infomax_vae_follows_the_whole_bound(float64: None) -> None:
    vae, x = model("infomax_vae"), digits()
    with random.stream(torch.tensor(5)):
        draw = vae(x)
    pairs = [(i, (i - 1) % len(x)) for i in range(len(x))]
    own = torch.stack([vae.critic(x[i : i + 1], draw.z[i : i + 1])[0] for i, _ in pairs])
    other = torch.stack([vae.critic(x[i : i + 1], draw.z[j : j + 1])[0] for i, j in pairs])
    penalty = (other - 1).exp().mean()
    bound = own.mean() - penalty
    objective = -draw.log_px.mean() + 2 * draw.kl.mean() - 3 * bound
    values = terms("infomax_vae", vae, x, alpha=3.0, beta=2.0)
    pull = torch.autograd.grad(penalty, list(vae.encoder.parameters()), retain_graph=True)
    assert all(gradient.abs().max() > 1e-6 for gradient in pull)  # what a detached product would lose
    assert_gradients(total(values), objective, vae, "model", infomax_vae)
    assert total(values).item() == pytest.approx(objective.item(), rel=1e-12)
    assert_gradients(total(terms("infomax_vae", vae, x, player="critic")), -bound, vae, "critic", infomax_vae)


def test_no_latent_of_the_product_meets_its_own_image(float64: None) -> None:
    vae, x, _ = infomax(50, 1e-9)
    vae.critic = given(lambda x, z: -40.0 * ((x[:, 0, 0, :1] - z).abs() > 1e-6).squeeze(-1))
    # Own pairs score 0; a product with one of them would hold exp(-1), without any it holds exp(-41).
    assert terms("infomax_vae", vae, x, player="critic")["bound"].abs().max() < 1e-17


def test_scores_are_themselves_near_zero_and_bounded_far_away(float64: None) -> None:
    critic, x = model("infomax_vae").critic, digits()
    z = torch.ones(12, 3)
    linear = critic.network(critic.image(x.flatten(1)) + critic.latent(z)).squeeze(-1)
    torch.testing.assert_close(critic(x, z), linear, rtol=1e-3, atol=0)
    for parameter in critic.parameters():
        parameter.data.mul_(1e3)
    assert critic(x, z).abs().max() == LIMIT


# Covariances


@pytest.mark.parametrize("variant", ["i", "ii"])
def test_dip_penalties_are_those_of_numpys_covariance(variant: str, float64: None) -> None:
    vae, x = model("dip_vae"), digits(40)
    q = vae.encoder(x)
    covariance = np.cov(q.mean.detach().numpy().T, ddof=0)
    if variant == "ii":
        covariance += np.diag(q.stddev.detach().square().mean(0).numpy())
    diagonal = np.diag(covariance)
    off = sum(covariance[i, j] ** 2 for i in range(3) for j in range(3) if i != j)
    values = terms("dip_vae", vae, x, variant=variant, lambda_off=3 / 64, lambda_diagonal=7 / 64)
    assert values["off_diagonal"].item() == pytest.approx(3 * off, rel=1e-10)
    assert values["diagonal"].item() == pytest.approx(7 * ((diagonal - 1) ** 2).sum(), rel=1e-10)
    assert torch.equal(values["rate"], terms("vae", vae, x)["rate"])


def test_the_second_variant_is_about_the_covariance_of_the_latents(float64: None) -> None:
    vae, x = model("dip_vae"), digits(40)
    with torch.no_grad(), random.stream(torch.tensor(1)):
        z = vae.encoder(x).rsample((5000,)).flatten(0, 1).numpy()
    diagonal = terms("dip_vae", vae, x, lambda_diagonal=1 / 64)["diagonal"].item()
    assert diagonal == pytest.approx(((np.diag(np.cov(z.T)) - 1) ** 2).sum(), abs=0.02)


# Multi-scale structural similarity


def reference(a: np.ndarray, b: np.ndarray, scales: int) -> float:
    """Equation 7 of Wang, Simoncelli & Bovik 2003 for (channels, height, width), by convolution."""
    exponents = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    exponents, value = exponents / exponents.sum(), 1.0
    for scale, exponent in enumerate(exponents):
        side = min(11, *a.shape[1:])
        side -= 1 - side % 2
        weights = np.exp(-0.5 * (np.arange(side) - side // 2) ** 2 / 1.5**2)
        window = np.outer(weights, weights) / weights.sum() ** 2
        maps = []
        for x, y in zip(a, b, strict=True):
            mx, my, xx, yy, xy = (convolve2d(i, window, "valid") for i in (x, y, x * x, y * y, x * y))
            contrast = (2 * (xy - mx * my) + 9e-4) / (xx - mx**2 + yy - my**2 + 9e-4)
            maps.append(contrast * ((2 * mx * my + 1e-4) / (mx**2 + my**2 + 1e-4) if scale == scales - 1 else 1))
        value *= max(np.mean(maps), 1e-3) ** exponent
        height, width = (size // 2 * 2 for size in a.shape[1:])
        a, b = (i[:, :height, :width].reshape(len(i), height // 2, 2, width // 2, 2).mean((2, 4)) for i in (a, b))
    return value


@pytest.mark.parametrize(
    ("shape", "scales"),
    [
        ((1, 28, 28), 3),
        ((1, 8, 8), 2),
        ((3, 32, 32), 4),
        ((1, 5, 7), 1),
        ((1, 9, 30), 2),
        ((1, 100, 80), 5),
        ((1, 3, 3), 1),
    ],
)
def test_multiscale_ssim_is_its_formula_image_by_image(shape: tuple[int, int, int], scales: int) -> None:
    noise = random.Stream(torch.tensor(0))
    a, other = noise.uniform((4, *shape), torch.float64), noise.uniform((4, *shape), torch.float64)
    b = (a + 0.5 * (other - 0.5)).clamp(0, 1)
    b[3] = 1 - a[3]
    expected = [reference(x, y, scales) for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(multiscale_ssim(a, b), expected, rtol=1e-9)
    if scales == 1:
        torch.testing.assert_close(multiscale_ssim(a, b), ssim(a, b).clamp_min(1e-3), rtol=1e-12, atol=0)


def test_multiscale_ssim_is_one_at_equality_symmetric_and_smooth_enough() -> None:
    noise = random.Stream(torch.tensor(0))
    a, b = (noise.uniform((3, 1, 28, 28), torch.float64) for _ in range(2))
    torch.testing.assert_close(multiscale_ssim(a, a), torch.ones(3, dtype=torch.float64), rtol=1e-13, atol=0)
    torch.testing.assert_close(multiscale_ssim(a, b), multiscale_ssim(b, a), rtol=1e-12, atol=0)
    for start in (1 - a, torch.full_like(a, 0.5), torch.zeros_like(a), a):
        made = start.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(multiscale_ssim(a, made).sum(), made)
        assert gradient.isfinite().all()
    made = b[:1, :, :8, :8].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda made: multiscale_ssim(a[:1, :, :8, :8], made), made)


def test_msssim_vae_counts_dissimilarity_per_pixel_and_image(float64: None) -> None:
    vae, x = model("msssim_vae"), digits()
    values = terms("msssim_vae", vae, (x > 0.5).double(), weight=0.7, grey=x)
    with random.stream(torch.tensor(5)), torch.no_grad():
        made = vae.decoder.network(vae((x > 0.5).double()).z).sigmoid()
    expected = [0.7 * 64 * (1 - reference(a, b, 2)) for a, b in zip(x.numpy(), made.numpy(), strict=True)]
    np.testing.assert_allclose(values["distortion"].detach(), expected, rtol=1e-9)
    assert torch.equal(values["rate"], terms("vae", vae, (x > 0.5).double())["rate"])


def test_msssim_vae_keeps_its_latents_and_leaves_the_likelihood_alone() -> None:
    flavour, feed = catalogue.load("flavours", "msssim_vae"), Feed(IMAGES[:300], IMAGES[300:400], False)
    training = Training(epochs=25, batch_size=60, learning_rate=0.005)
    runs = Pack(flavour, design(3, "gaussian_learned"), flavour.defaults, training, [0], feed)
    start = runs.state["decoder.likelihood.excess"].clone()
    list(runs.train())
    assert torch.equal(runs.state["decoder.likelihood.excess"], start)
    last = {row["term"]: row["value"] for row in runs.runs[0].history if row["split"] == "validation"}
    assert last["rate"] > 1 and last["distortion"] < 40
