"""Flows against autograd, quadrature, closed forms and a model whose evidence is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from linear_gaussian import LATENT, SIGMA, linear
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.func import jacrev, vmap

from vaebench import random
from vaebench.model.distributions.flowed import Flowed
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flows.amortised import Planar, Radial
from vaebench.model.flows.autoregressive import Additive, Affine, Gated, Scaling, by_halves, one_by_one, stacked
from vaebench.model.flows.flow import Chain, Inverted
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.model.parts.encoders import FlowEncoder
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack

CONTEXT, HIDDEN = 3, (7, 9)
LAYERS: dict[str, Callable[[int], tuple[nn.Module, int]]] = {
    "planar": lambda d: (Planar(d, 3), 3 * (2 * d + 1)),
    "radial": lambda d: (Radial(d, 3), 3 * (d + 2)),
    "iaf": lambda d: (stacked(Gated, one_by_one, d, 2, HIDDEN, CONTEXT), CONTEXT),
    "maf": lambda d: (Inverted(stacked(Affine, one_by_one, d, 2, HIDDEN, CONTEXT)), CONTEXT),
    "realnvp": lambda d: (stacked(Affine, by_halves, d, 3, HIDDEN, CONTEXT), CONTEXT),
    "nice": lambda d: (Chain(stacked(Additive, by_halves, d, 3, HIDDEN, CONTEXT), Scaling(d)), CONTEXT),
    "linear": lambda d: (stacked(Affine, one_by_one, d, 2, (), CONTEXT), CONTEXT),
    "free": lambda d: (stacked(Affine, by_halves, d, 3, HIDDEN), 0),
}
INVERTIBLE = [name for name in LAYERS if name != "planar"]


def shaken(name: str, latent: int, seed: int = 0) -> tuple[nn.Module, Tensor | None]:
    """A transform with random weights, and a context for one example."""
    torch.manual_seed(seed)
    flow, size = LAYERS[name](latent)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.copy_(0.7 * torch.randn(parameter.shape))
    return flow, torch.randn(size) if size else None


def law(name: str, latent: int) -> Flowed:
    """What a transform with random weights makes of one standard Gaussian (no batch)."""
    flow, context = shaken(name, latent)
    return Flowed(Gaussian(torch.zeros(latent), torch.zeros(latent)), flow, context)


@pytest.mark.parametrize("latent", [1, 2, 5])
@pytest.mark.parametrize("name", LAYERS)
def test_the_log_volume_is_that_of_the_jacobian(name: str, latent: int, float64: None) -> None:
    for seed in range(3):
        flow, context = shaken(name, latent, seed)
        z = 1.5 * torch.randn(20, latent)
        jacobians = vmap(jacrev(lambda z, flow=flow, context=context: flow(z, context)[0]))(z)
        sign, expected = torch.linalg.slogdet(jacobians)
        assert (sign == 1).all() and expected.std() + expected.abs().mean() > 0.01
        torch.testing.assert_close(flow(z, context)[1], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("latent", [1, 2, 5])
@pytest.mark.parametrize("name", INVERTIBLE)
def test_the_way_back_undoes_the_way_there(name: str, latent: int, float64: None) -> None:
    for seed in range(3):
        flow, context = shaken(name, latent, seed)
        z = 1.5 * torch.randn(4, 20, latent)
        there, volume = flow(z, context)
        back, inverse_volume = flow.inverse(there, context)
        assert (there - z).abs().mean() > 0.05
        torch.testing.assert_close(back, z, rtol=0, atol=1e-10)
        torch.testing.assert_close(inverse_volume, -volume, rtol=0, atol=1e-10)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("transform", [Affine, Gated, Additive])
@pytest.mark.parametrize("hidden", [(), (3,), (40, 40)])
def test_an_autoregression_sees_what_comes_before_and_nothing_else(
    layer: int, transform: type[Affine], hidden: tuple[int, ...], float64: None
) -> None:
    torch.manual_seed(0)
    latent, h = 5, torch.randn(CONTEXT)
    flow = transform(one_by_one(latent, layer), hidden, CONTEXT)
    nn.init.normal_(flow.network[-1].weight)
    z = torch.randn(latent)
    jacobian = jacrev(lambda z: flow(z, h)[0])(z)
    lower, upper = (jacobian.tril(-1), jacobian.triu(1))[:: -1 if layer else 1]
    assert (upper == 0).all() and (jacobian.diagonal() > 0).all()
    # However narrow the layers, all coordinates reach the last one and the context reaches those that follow a unit.
    assert ((lower != 0).sum() == latent * (latent - 1) / 2) or hidden == (3,)
    assert (lower[0 if layer else -1] != 0).sum() >= min(3, latent - 1) - (hidden == (3,))
    assert (jacrev(lambda h: flow(z, h)[0])(h) != 0).all()


@pytest.mark.parametrize("layer", [0, 1])
def test_a_coupling_moves_one_half_by_the_other(layer: int, float64: None) -> None:
    torch.manual_seed(0)
    flow = Affine(by_halves(5, layer), HIDDEN, CONTEXT)
    nn.init.normal_(flow.network[-1].weight)
    z, h = torch.randn(5), torch.randn(CONTEXT)
    jacobian = jacrev(lambda z: flow(z, h)[0])(z)
    first = flow.degrees == 1
    across = ~first[:, None] & first
    assert torch.equal(jacobian - jacobian.diagonal().diag() != 0, across)
    assert (jacrev(lambda h: flow(z, h)[0])(h) != 0).all()


def test_a_single_latent_without_context_stays_gaussian(float64: None) -> None:
    q = law("free", 1)
    shift, scale = q.mean, jacrev(lambda z: q.flow(z)[0])(torch.ones(1)).squeeze()
    z = torch.linspace(-3, 3, 9)[:, None]
    expected = torch.distributions.Normal(shift, scale).log_prob(z).squeeze(-1)
    torch.testing.assert_close(q.log_prob(z), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("latent", [1, 2, 5])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 10.0, 100.0])
def test_planar_and_radial_layers_are_invertible_whatever_their_parameters(
    scale: float, latent: int, float64: None
) -> None:
    torch.manual_seed(1)
    w, bias = scale * torch.randn(50, latent), torch.randn(50, 1)
    u = -scale * w  # as much against w as can be: u'w = -scale |w|^2
    # Where tanh is 1 the move is u_hat itself.
    z = 0.5 * torch.randn(50, latent)
    saturated, _ = Planar(latent, 1)(torch.zeros_like(z), torch.cat((u, w, torch.full((50, 1), 40.0)), -1))
    assert ((saturated * w).sum(-1) >= -1).all()
    for layer, context in (
        (Planar(latent, 1), torch.cat((u, w, bias), -1)),
        (Radial(latent, 1), torch.cat((z + 0.1 * torch.randn(50, latent), scale / 5 * torch.randn(50, 2)), -1)),
    ):
        jacobians = vmap(jacrev(lambda z, context, layer=layer: layer(z, context)[0]))(z, context)
        assert (torch.linalg.det(jacobians) > 0).all()
        context.requires_grad_()
        layer(z, context)[1].sum().backward()
        assert context.grad is not None and context.grad.isfinite().all()


@pytest.mark.parametrize("name", LAYERS)
@torch.no_grad()
def test_the_density_on_the_line_integrates_to_one(name: str, float64: None) -> None:
    q, start = law(name, 1), torch.linspace(-9, 9, 8001)[:, None]
    z, volume = q.flow(start, q.context)  # a fine grid, and the densities there without any inverse
    density = (q.base.log_prob(start) - volume).exp()
    assert (z.diff(dim=0) > 0).all()
    assert float(torch.trapezoid(density, z.squeeze(-1))) == pytest.approx(1, abs=2e-5)
    if name in INVERTIBLE:
        torch.testing.assert_close(q.log_prob(z).exp(), density, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", INVERTIBLE)
def test_the_density_on_the_plane_integrates_to_one_and_has_the_moments_of_the_draws(name: str, float64: None) -> None:
    q, count = law(name, 2), 20_000
    with torch.no_grad(), random.stream(torch.tensor(1)):
        z = q.rsample((count,))
        low, high = z.min(0).values - 2, z.max(0).values + 2
        axes = [torch.linspace(float(a), float(b), 600) for a, b in zip(low, high, strict=True)]
        grid = torch.cartesian_prod(*axes)
        mass = q.log_prob(grid).exp() * (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0])
    assert float(mass.sum()) == pytest.approx(1, abs=2e-3)
    for moment in (lambda z: z, lambda z: z.square(), lambda z: z.prod(-1, keepdim=True)):
        seen, expected = moment(z), (mass[:, None] * moment(grid)).sum(0)
        error = seen.std(0) / math.sqrt(count)
        assert ((seen.mean(0) - expected).abs() < 4 * error + 2e-3 * (1 + expected.abs())).all()


def test_the_density_of_planar_draws_integrates_to_one(float64: None) -> None:
    r"""$\int g = \mathbb E_q[g/q]$ for a Gaussian $g$ inside $q$."""
    q, count = law("planar", 2), 100_000
    with random.stream(torch.tensor(1)):
        z = q.rsample((count,))
    inside = Gaussian(z.mean(0), z.std(0).log() - 0.7)
    ratio = (inside.log_prob(z) - q.log_prob(z)).exp()
    error = float(ratio.std()) / math.sqrt(count)
    assert error < 0.02 and float(ratio.mean()) == pytest.approx(1, abs=4 * error)
    with pytest.raises(NotImplementedError, match="only the last draw"):
        q.log_prob(z.clone())


@pytest.mark.parametrize("name", INVERTIBLE)
def test_a_draw_is_as_likely_as_its_copy(name: str, float64: None) -> None:
    q = law(name, 3)
    z = q.rsample((2, 6))
    torch.testing.assert_close(q.log_prob(z), q.log_prob(z.clone()), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(q.mean, q.flow(torch.zeros(3), q.context)[0], rtol=0, atol=0)


def test_layers_of_nice_keep_volume_but_for_the_last(float64: None) -> None:
    q = law("nice", 4)
    volume = q.flow(torch.randn(9, 4), q.context)[1]
    torch.testing.assert_close(volume, q.flow.transforms[1].log_scale.sum().expand(9))


@torch.no_grad()
def test_an_autoregressive_step_is_the_paper_s(float64: None) -> None:
    """IAF, equations 13 and 14, in a second latent whose gate and shift are linear in the first."""
    flow = Gated(one_by_one(2, 0), ())
    with torch.no_grad():
        flow.network[0].weight.copy_(torch.tensor([[9.0, 9], [0.5, 9], [9, 9], [-0.3, 9]]))  # 9s are masked
        flow.network[0].bias.copy_(torch.tensor([0.1, 0.2, 0.3, 0.4]))
    (a, b), ((first, second), volume) = (0.7, -1.1), flow(torch.tensor([0.7, -1.1]))
    gates = [1 / (1 + math.exp(-s)) for s in (2.3, 2.4 - 0.3 * a)]
    assert float(first) == pytest.approx(gates[0] * a + (1 - gates[0]) * 0.1)
    assert float(second) == pytest.approx(gates[1] * b + (1 - gates[1]) * (0.2 + 0.5 * a))
    assert float(volume) == pytest.approx(math.log(gates[0]) + math.log(gates[1]))


FLAVOURS = [
    ("vae_lin_nf", {"kind": "planar", "layers": 6}),
    ("vae_lin_nf", {"kind": "radial", "layers": 6}),
    ("vae_iaf", {"context": 2, "hidden": (8,)}),
    ("vae_flow", {"kind": "nice", "context": 2, "hidden": (8,)}),
    ("vae_flow", {"kind": "realnvp", "context": 2, "hidden": (8,)}),
    ("vae_flow", {"kind": "maf", "context": 2, "hidden": (8,), "layers": 2}),
]
flavours = pytest.mark.parametrize(("name", "hyper"), FLAVOURS, ids=lambda value: str(value))


def grafted(name: str, hyper: dict) -> tuple[VAE, VAE, Tensor, Tensor]:
    """The linear model whose posterior is not diagonal, a flow flavour around it, data and their log evidence.

    The encoder's Gaussian is the linear model's, its further outputs, the flow's context, are 0.
    """
    plain, x, evidence = linear(orthogonal=False)
    model = catalogue.load("flavours", name).initial(_design(), hyper, 0)
    model.decoder.load_state_dict(plain.decoder.state_dict())
    with torch.no_grad():
        for key in ("weight", "bias"):
            target = getattr(model.encoder.network[-1], key).zero_()
            target[: 2 * LATENT] = getattr(plain.encoder.network[-1], key)
    return plain, model, x, torch.tensor(evidence)


def _design() -> Design:
    family = catalogue.load("likelihoods", "gaussian")
    return Design((1, 4, 4), LATENT, mlp((1, 4, 4), hidden=()), lambda: family(sigma=SIGMA))


def drawn(model: VAE, x: Tensor, key: int, *samples: int):
    with random.stream(torch.tensor(key)):
        return model(x, *samples)


@flavours
@torch.no_grad()
def test_the_identity_is_the_vae(name: str, hyper: dict, float64: None) -> None:
    plain, model, x, _ = grafted(name, catalogue.settle("flavours", name, hyper))
    if name == "vae_iaf":
        for step in model.encoder.flow.transforms:
            step.network[-1].bias[LATENT:] = 50.0
    ours, theirs = drawn(model, x, 5, 3), drawn(plain, x, 5, 3)
    torch.testing.assert_close(ours.log_w, theirs.log_w, rtol=1e-12, atol=1e-11)
    torch.testing.assert_close(ours.log_px - ours.kl, theirs.log_w, rtol=1e-12, atol=1e-11)
    torch.testing.assert_close(model.encode(x), plain.encode(x), rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_a_flow_prior_starts_as_the_vae_s(float64: None) -> None:
    model, x, _ = linear(False, catalogue.load("flavours", "flow_prior_vae"))
    plain, *_ = linear(False)
    torch.testing.assert_close(drawn(model, x, 5, 3).log_w, drawn(plain, x, 5, 3).log_w, rtol=1e-12, atol=1e-11)
    torch.testing.assert_close(model.sample(4, 0), plain.sample(4, 0), rtol=1e-12, atol=1e-12)


def precision(model: VAE) -> Tensor:
    """Of the exact posterior."""
    weight = model.decoder.network[0].weight.detach()
    return weight.T @ weight / SIGMA**2 + torch.eye(LATENT)


def minimise(loss: Callable[[int], Tensor], part: nn.Module, steps: int) -> None:
    """By Adam, at a rate that falls to 0."""
    optimiser = torch.optim.Adam([value for value in part.parameters() if value.requires_grad], lr=0.02)
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    for step in range(steps):
        optimiser.zero_grad()
        loss(step).backward()
        optimiser.step()
        decay.step()


@torch.no_grad()
def test_one_linear_autoregression_is_the_exact_posterior(float64: None) -> None:
    r"""With $z_2$ moved by $z_1$ as the posterior's regression says, every importance weight is the evidence."""
    hyper = {"kind": "maf", "layers": 1, "hidden": (), "context": 2}
    plain, model, x, evidence = grafted("vae_flow", hyper)
    exact = precision(plain)
    slope = -exact[0, 1] / exact[1, 1]  # E[z_2 | z_1] - mu_2 over z_1 - mu_1
    last, layer = model.encoder.network[-1], model.encoder.flow.transform.transforms[0]
    mean, offset = last.weight[:LATENT].clone(), last.bias[:LATENT].clone()
    # q draws z_2 = n_2 - m(z_1) for m = -slope z_1, and n_2 of mean mu_2 - slope mu_1.
    last.weight[1], last.bias[1] = mean[1] - slope * mean[0], offset[1] - slope * offset[0]
    last.bias[LATENT] = 0.5 * exact.inverse()[0, 0].log()
    last.bias[LATENT + 1] = -0.5 * exact[1, 1].log()
    layer.network[0].weight[1, 0] = -slope
    torch.testing.assert_close(drawn(model, x, 5, 20).log_w, evidence.expand(20, -1), rtol=1e-9, atol=1e-9)


@flavours
def test_a_flow_comes_nearer_to_the_evidence_than_any_diagonal_gaussian(name: str, hyper: dict, float64: None) -> None:
    """And never beyond: the posterior of one image is learned, the one whose latents lie nearest to 0."""
    plain, model, x, evidence = grafted(name, catalogue.settle("flavours", name, hyper))
    one = int(plain.encode(x).norm(dim=-1).argmin())
    exact = precision(plain)
    least = 0.5 * (exact.diagonal().log().sum() - exact.logdet())  # KL of the best diagonal Gaussian
    last = model.encoder.network[-1].requires_grad_(False)
    bias = last.bias.requires_grad_()
    torch.manual_seed(0)
    with torch.no_grad():
        bias[2 * LATENT :] = 0.5 * torch.randn(len(bias) - 2 * LATENT)
    minimise(lambda step: -drawn(model, x[one : one + 1], step, 200).log_w.mean(), model.encoder, 150)
    with torch.no_grad():
        gaps = evidence[one] - drawn(model, x[one : one + 1], -1, 20_000).log_w
    error = float(gaps.std()) / math.sqrt(len(gaps))
    assert -4 * error < gaps.mean() < least / 2


def test_a_flow_prior_learns_a_law_of_known_entropy(float64: None) -> None:
    """Of a correlated Gaussian's draws: the cross entropy falls to the entropy, within 0.02 nats, and never below."""
    prior = catalogue.load("flavours", "flow_prior_vae").initial(_design(), {"layers": 2, "hidden": (16,)}, 0).prior
    covariance = torch.tensor([[1.5, 1.1], [1.1, 1.0]])
    target = torch.distributions.MultivariateNormal(torch.tensor([0.5, -1.0]), covariance)
    torch.manual_seed(0)
    minimise(lambda step: -prior(nn.Identity()).log_prob(target.sample((256,))).mean(), prior, 200)
    with torch.no_grad(), random.stream(torch.tensor(0)):
        z, learned = target.sample((20_000,)), prior(nn.Identity())
        divergence = target.log_prob(z) - learned.log_prob(z)
        error = float(divergence.std()) / math.sqrt(len(z))
        assert -4 * error < divergence.mean() < 0.02
        noise, volume = prior.flow.transform(z)  # the density is one pass of the layers asked for
        assert len(prior.flow.transform.transforms) == 2
        torch.testing.assert_close(learned.log_prob(z), learned.base.log_prob(noise) + volume, rtol=0, atol=1e-12)
        draws = learned.rsample((20_000,))
    torch.testing.assert_close(draws.mean(0), target.mean, rtol=0, atol=0.06)
    torch.testing.assert_close(draws.T.cov(), covariance, rtol=0, atol=0.12)


@flavours
def test_stacked_runs_are_the_runs_alone(name: str, hyper: dict) -> None:
    """Settings that are no default, and a single latent, train; a pack of two agrees with its runs."""
    images = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
    feed, training = Feed(images[:60], images[60:80], True), Training(epochs=2, batch_size=20)
    flavour, network = catalogue.load("flavours", name), mlp((1, 8, 8), hidden=(16,))
    design = Design((1, 8, 8), 1, network, catalogue.load("likelihoods", "bernoulli"))
    settings = catalogue.settle("flavours", name, hyper)
    packs = [Pack(flavour, design, settings, training, seeds, feed) for seeds in ([0, 1], [0], [1])]
    for pack in packs:
        list(pack.train())
    together, *alone = ([[row["value"] for row in run.history] for run in pack.runs] for pack in packs)
    torch.testing.assert_close(torch.tensor(together), torch.tensor([runs[0] for runs in alone]), rtol=1e-4, atol=1e-3)


def test_the_encoder_s_further_outputs_are_the_context(float64: None) -> None:
    """Images differ in their flow, not in their Gaussian alone."""
    torch.manual_seed(0)
    images = torch.rand(2, 1, 4, 4)
    encoder = FlowEncoder(_design(), stacked(Gated, one_by_one, LATENT, 1, (8,), 2), 2)
    nn.init.normal_(encoder.flow.transforms[0].network[-1].weight)
    q, start = encoder(images), torch.zeros(2, LATENT)
    moved, volume = q.flow(start, q.context)
    assert (moved[0] != moved[1]).all() and volume[0] != volume[1]
    torch.testing.assert_close(encoder(images[1:]).mean, q.mean[1:])
