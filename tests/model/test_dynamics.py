"""Hamiltonian and annealed posteriors: the moves by their laws, the bounds against a known evidence."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from linear_gaussian import design, linear
from sklearn.datasets import load_digits
from torch import Tensor
from torch.distributions import Normal

from vaebench import random
from vaebench.flavours.gaussian.vae import vae
from vaebench.flavours.posteriors.hvae import hvae
from vaebench.flavours.posteriors.mcvae import mcvae
from vaebench.flavours.posteriors.rhvae import rhvae
from vaebench.model.distributions.evolved import Evolved
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.dynamics import (
    Gradient,
    StepSizes,
    Tempering,
    annealed_langevin,
    bounded,
    leapfrog,
    riemannian_leapfrog,
)
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.model.spaces.riemannian_metric import RiemannianMetric
from vaebench.study import catalogue
from vaebench.study.config import Training
from vaebench.training.engine import Feed, Pack

IMAGES = torch.tensor(load_digits().images * 15, dtype=torch.uint8)[:, None]
X = IMAGES[:5] / 255
FLAVOURS = [hvae, rhvae, mcvae]


def digits(latent: int = 3) -> Design:
    return Design((1, 8, 8), latent, mlp((1, 8, 8), hidden=(16,)), catalogue.load("likelihoods", "bernoulli"))


def metric(latent: int = 3, centroids: int = 5) -> RiemannianMetric:
    generator = np.random.default_rng(0)
    places, factors = generator.normal(size=(centroids, latent)), generator.normal(size=(centroids, latent, latent))
    return RiemannianMetric(torch.tensor(places), torch.tensor(np.tril(factors)), width=1.5, floor=0.3)


def well(z: Tensor) -> Tensor:
    """A log density that is neither Gaussian nor separable."""
    return -(
        0.25 * z.square().sum(-1).square() + 0.5 * (z * torch.tensor([1.0, 3.0, 0.5])).square().sum(-1) + z[..., 0]
    )


def move(kind: str, z: Tensor, momentum: Tensor, step: float, steps: int = 4, **given) -> tuple[Tensor, Tensor]:
    sizes, scales = torch.full((3,), step) * torch.tensor([1.0, 0.5, 0.8]), given.get("scales", [1.0] * steps)
    if kind == "flat":
        return leapfrog(Gradient(well), z, momentum, sizes, scales)
    iterations = given.get("iterations", 40)
    place, momentum = riemannian_leapfrog(Gradient(well), metric().at(z), momentum, sizes, scales, iterations)
    return place.z, momentum


def energy(kind: str, z: Tensor, momentum: Tensor) -> Tensor:
    return -well(z) + (0.5 * momentum.square().sum(-1) if kind == "flat" else metric().at(z).kinetic(momentum))


def start(*samples: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    z, noise = torch.randn(2, *samples, 3, generator=generator, dtype=torch.float64)
    return 0.7 * z, noise


@pytest.mark.parametrize("kind", ["flat", "riemannian"])
def test_leapfrogs_run_back_when_the_momentum_turns(kind: str, float64: None) -> None:
    z, momentum = start(2, 5)
    end, last = move(kind, z, momentum, 0.05)
    assert (end - z).abs().min() > 1e-3
    back, first = move(kind, end, -last, 0.05)
    torch.testing.assert_close((back, -first), (z, momentum), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", ["flat", "riemannian"])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_leapfrogs_and_the_first_scale_together_keep_volume(kind: str, temperature: float, float64: None) -> None:
    first, scales = Tempering(4, temperature, learned=True)()
    z, momentum = start()

    def whole(state: Tensor) -> Tensor:
        z, momentum = state.split(3)
        return torch.cat(move(kind, z, first * momentum, 0.1, scales=scales))

    jacobian = torch.autograd.functional.jacobian(whole, torch.cat((z, momentum)))
    assert float(torch.linalg.det(jacobian)) == pytest.approx(1, abs=1e-10)
    assert (jacobian - torch.eye(6)).norm() > 0.5


@pytest.mark.parametrize("kind", ["flat", "riemannian"])
def test_the_energy_error_falls_with_the_square_of_the_step(kind: str, float64: None) -> None:
    z, momentum = start(50)
    errors = []
    for halving in range(3):
        ends = move(kind, z, momentum, 0.04 / 2**halving, steps=10 * 2**halving)
        errors.append(float((energy(kind, *ends) - energy(kind, z, momentum)).square().mean().sqrt()))
    assert errors[0] < 0.2
    assert [errors[0] / errors[1], errors[1] / errors[2]] == pytest.approx([4, 4], rel=0.1)


def test_the_implicit_equations_hold_and_their_residual_falls_at_each_iteration(float64: None) -> None:
    """Against the equations of Girolami & Calderhead with gradients of the whole Hamiltonian by autograd."""
    z, momentum = start(6)
    step = 0.1 * torch.tensor([1.0, 0.5, 0.8])
    pull = torch.func.grad(lambda z, momentum: energy("riemannian", z, momentum).sum())
    push = torch.func.grad(lambda momentum, z: energy("riemannian", z, momentum).sum())
    residuals = []
    for iterations in (1, 2, 3, 4, 40):
        end, last = move("riemannian", z, momentum, 0.1, steps=1, iterations=iterations)
        # The last kick is explicit, so it can be undone: half solves half - step / 2 * pull(end, half) = last.
        half = last
        for _ in range(50):
            half = last + 0.5 * step * pull(end, half)
        kicked = momentum - 0.5 * step * pull(z, half)
        moved = z + 0.5 * step * (push(half, z) + push(half, end))
        residuals.append(float(torch.cat((half - kicked, end - moved)).abs().max()))
    assert residuals[-1] < 1e-13
    assert all(after < 0.4 * before for before, after in pairwise(residuals))


def test_under_the_identity_the_generalised_leapfrog_is_the_leapfrog(float64: None) -> None:
    flat = RiemannianMetric(torch.zeros(1, 3), torch.eye(3)[None], width=1e9, floor=0.0)
    z, momentum = start(4)
    step, scales = torch.tensor([0.1, 0.2, 0.05]), [0.9, 0.8, 1.0]
    place, last = riemannian_leapfrog(Gradient(well), flat.at(z), momentum, step, scales, iterations=1)
    torch.testing.assert_close(
        (place.z, last), leapfrog(Gradient(well), z, momentum, step, scales), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("latent", [1, 3])
def test_metric_against_numpy(latent: int, float64: None) -> None:
    learned = metric(latent)
    generator = np.random.default_rng(2)
    z, noise = torch.tensor(generator.normal(size=(2, 4, 2, latent)))
    for index in np.ndindex(4, 2):
        inverse = 0.3 * np.eye(latent)
        for centroid, factor in zip(learned.centroids.numpy(), learned.factors.numpy(), strict=True):
            inverse += factor @ factor.T * np.exp(-np.sum((z[index].numpy() - centroid) ** 2) / 1.5**2)
        place = learned.at(z[index])
        np.testing.assert_allclose(place.inverse, inverse, rtol=1e-12)
        np.testing.assert_allclose(learned(z)[index], np.linalg.inv(inverse), rtol=1e-10)
        log_volume = -0.5 * np.linalg.slogdet(inverse)[1]
        assert float(learned.log_volume(z)[index]) == pytest.approx(log_volume, rel=1e-10)
        momentum = noise[index].numpy()
        kinetic = 0.5 * momentum @ inverse @ momentum + log_volume
        assert float(place.kinetic(noise[index])) == pytest.approx(kinetic, rel=1e-10)
        np.testing.assert_allclose(place.velocity(noise[index]), inverse @ momentum, rtol=1e-10)
        draws = (
            place.momentum(torch.eye(latent))
            if latent == 1
            else torch.stack([place.momentum(row) for row in torch.eye(latent)])
        )
        np.testing.assert_allclose(draws.mT @ draws, np.linalg.inv(inverse), rtol=1e-9, atol=1e-12)
    gradient = torch.func.grad(lambda z: learned.at(z).kinetic(noise).sum())(z)
    torch.testing.assert_close(learned.at(z).force(noise), -gradient, rtol=1e-10, atol=1e-10)


def test_a_metric_that_rounding_has_spoilt_is_not_a_number(float64: None) -> None:
    spoilt = RiemannianMetric(torch.zeros(1, 2), torch.zeros(1, 2, 2), width=1.0, floor=-1.0)
    assert spoilt.log_volume(torch.zeros(3, 2)).isnan().all()


@pytest.mark.parametrize("samples", [(), (2,)])
def test_the_force_is_the_gradient_of_the_joint(samples: tuple[int, ...], float64: None) -> None:
    model, x = hvae.initial(digits(), hvae.defaults, 0), X.double()
    z = torch.randn(*samples, 5, 3, requires_grad=True)
    logits = model.decoder.network(z)
    joint = (x * logits - torch.nn.functional.softplus(logits)).sum() + Normal(0, 1).log_prob(z).sum()
    (gradient,) = torch.autograd.grad(joint, z)
    torch.testing.assert_close(Gradient(lambda z: model.log_joint(x, z))(z.detach()), gradient, rtol=1e-11, atol=1e-11)


def test_tempering_by_hand(float64: None) -> None:
    first, scales = Tempering(3, 4.0, learned=False)()
    assert float(first) == pytest.approx(2)
    assert [float(scale) for scale in scales] == pytest.approx([17 / 18, 14 / 17, 9 / 14])


def test_step_sizes_start_as_asked_and_stay_bounded(float64: None) -> None:
    sizes = StepSizes(3, 0.2)
    torch.testing.assert_close(sizes(), torch.full((3,), 0.2))
    with torch.no_grad():
        sizes.logit.copy_(torch.tensor([-50.0, 0.0, 50.0]))
    torch.testing.assert_close(sizes(), torch.tensor([0.0, 0.25, 0.5]))
    for flavour in (hvae, rhvae):
        fixed = flavour.initial(digits(), flavour.defaults | {"learned": False}, 0).posterior
        own = [*fixed.step.parameters(), *fixed.tempering.parameters()]
        assert own and not any(parameter.requires_grad for parameter in own)


def test_langevin_ratio_is_that_of_the_kernels_along_the_path(float64: None) -> None:
    """The path again from the same noise, its kernels' densities by torch.distributions."""
    q, goal = Gaussian(torch.tensor([[0.5, -1.0]]), torch.tensor([[-0.3, 0.2]])), Normal(0.2, 0.7)
    z, step = torch.tensor([[[0.1, 0.4]], [[-0.6, 1.0]]]), torch.tensor([0.05, 0.2])
    with random.stream(torch.tensor(4)):
        end, ratio = annealed_langevin(Gradient(q.log_prob), Gradient(lambda z: goal.log_prob(z).sum(-1)), z, step, 3)

    def kernel(z: Tensor, beta: float) -> Normal:
        slope = (1 - beta) * (q.mean - z) / q.variance + beta * (0.2 - z) / 0.49
        return Normal(z + step * slope, (2 * step).sqrt())

    expected = torch.zeros(2, 1)
    with random.stream(torch.tensor(4)):
        for beta in (1 / 3, 2 / 3, 1):
            there = kernel(z, beta)
            after = there.mean + there.stddev * random.normal(z.shape, z)
            expected += (there.log_prob(after) - kernel(after, beta).log_prob(z)).sum(-1)
            z = after
    torch.testing.assert_close((end, ratio), (z, expected), rtol=1e-10, atol=1e-10)


def test_only_the_last_draw_has_a_density(float64: None) -> None:
    q = Evolved(Gaussian(torch.zeros(2, 3), torch.zeros(2, 3)), lambda z: (2 * z, torch.full(z.shape[:-1], 0.7)))
    z = q.rsample((4,))
    torch.testing.assert_close(q.log_prob(z), Normal(0, 1).log_prob(z / 2).sum(-1) + 0.7)
    with pytest.raises(ValueError, match="last draw"):
        q.log_prob(z.clone())


def weights(flavour, orthogonal: bool, samples: int, hyper: dict) -> tuple[Tensor, Tensor]:
    """Log weights of a linear-Gaussian model less the evidence, (samples, images), and the same of the VAE."""
    found = []
    for kind, given in ((flavour, hyper), (vae, {})):
        model, x, evidence = linear(orthogonal, kind, **given)
        with torch.no_grad(), random.stream(torch.tensor(6)):
            kind.call("begin", model, x, kind.defaults)
        with torch.no_grad(), random.stream(torch.tensor(7)):
            found.append(model(x, samples).log_w - torch.tensor(evidence))
    return found[0], found[1]


SETTINGS = [
    (hvae, {"steps": 1, "step_size": 0.15, "temperature": 1.0}),
    (hvae, {"steps": 4, "step_size": 0.2, "temperature": 2.0}),
    (hvae, {"steps": 3, "step_size": 0.2, "temperature": 0.5}),
    (rhvae, {"steps": 2, "step_size": 0.15, "temperature": 1.0, "centroids": 20, "iterations": 12}),
    (rhvae, {"steps": 3, "step_size": 0.2, "temperature": 3.0, "centroids": 20, "iterations": 12}),
    (mcvae, {"steps": 1, "step_size": 0.02}),
    (mcvae, {"steps": 6, "step_size": 0.03}),
]


@pytest.mark.parametrize(("flavour", "hyper"), SETTINGS)
@pytest.mark.parametrize("orthogonal", [True, False])
def test_weights_average_to_the_evidence_and_their_logarithms_stay_below(
    flavour, hyper: dict, orthogonal: bool, float64: None
) -> None:
    """Exactness at any temperature, step and number of steps: each wrong density or volume would move the mean."""
    excess, _ = weights(flavour, orthogonal, 50, hyper)
    ratio, error = excess.exp().mean(), excess.exp().std() / math.sqrt(excess.numel())
    assert error < 0.02
    assert abs(ratio - 1) < 4 * error
    assert excess.mean() < 4 * excess.std() / math.sqrt(excess.numel())


@pytest.mark.parametrize(
    ("flavour", "hyper"),
    [
        (hvae, {"steps": 4, "step_size": 0.15, "temperature": 1.5}),
        (rhvae, {"steps": 4, "step_size": 0.3, "temperature": 1.5, "centroids": 20}),
        (mcvae, {"steps": 6, "step_size": 0.05}),
    ],
)
def test_good_steps_lift_the_bound_of_a_posterior_that_is_too_wide(flavour, hyper: dict, float64: None) -> None:
    ours, before = weights(flavour, False, 20, hyper)
    assert before.mean() < -0.1
    assert ours.mean() > 0.75 * before.mean()


def test_at_the_exact_posterior_the_flow_of_energy_keeps_the_weight_at_the_evidence(float64: None) -> None:
    coarse, fine = (
        weights(hvae, True, 5, {"step_size": step, "steps": steps, "temperature": 1.0})[0].abs().max()
        for step, steps in ((0.1, 5), (0.05, 10))
    )
    assert fine < 0.1
    assert coarse / fine == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_steps_of_no_length_leave_the_weights_of_the_vae(flavour, float64: None) -> None:
    """Whatever the temperature: the auxiliary variables return to what was drawn."""
    extra = {} if flavour is mcvae else {"temperature": 4.0}
    ours, before = weights(flavour, False, 3, {"step_size": 1e-12, **extra})
    torch.testing.assert_close(ours, before, rtol=0, atol=1e-3 if flavour is mcvae else 1e-6)


@pytest.mark.parametrize("flavour", [hvae, mcvae])
def test_no_steps_are_the_vae_to_the_last_bit(flavour) -> None:
    states = []
    for kind, hyper in ((flavour, flavour.defaults | {"steps": 0}), (vae, {})):
        training = Training(epochs=1, batch_size=20)
        runs = Pack(kind, digits(), hyper, training, [0], Feed(IMAGES[:60], IMAGES[60:80], True))
        list(runs.train())
        states.append(runs.state)
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_gradients_flow_through_the_whole_trajectory(flavour, float64: None) -> None:
    """Every parameter's gradient along a random direction against central differences."""
    model = flavour.initial(digits(), flavour.defaults | {"step_size": 0.02}, 0)
    flavour.call("begin", model, IMAGES[:50] / 255, flavour.defaults)
    parameters = dict(model.named_parameters())

    def loss() -> Tensor:
        with random.stream(torch.tensor(8)):
            return sum(term.mean() for term in flavour.terms("model", model, X.double(), flavour.defaults)[0].values())

    gradients = torch.autograd.grad(loss(), list(parameters.values()))
    generator = torch.Generator().manual_seed(0)
    for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True):
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(direction, alpha=sign * 1e-5)
                values.append(float(loss()))
                parameter.sub_(direction, alpha=sign * 1e-5)
        slope = float((gradient * direction).sum())
        assert slope == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5, abs=1e-8), name
        assert gradient.abs().max() > 1e-7, name


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_stacked_runs_are_the_runs_alone(flavour) -> None:
    training, feed = Training(epochs=2, batch_size=20), Feed(IMAGES[:60], IMAGES[60:80], True)
    together = Pack(flavour, digits(), flavour.defaults, training, [0, 1], feed)
    list(together.train())
    for slot, seed in enumerate((0, 1)):
        alone = Pack(flavour, digits(), flavour.defaults, training, [seed], feed)
        list(alone.train())
        ours = [row["value"] for row in together.runs[slot].history]
        np.testing.assert_allclose(ours, [row["value"] for row in alone.runs[0].history], rtol=1e-4)


def test_centroids_are_training_images_and_the_metric_travels_with_the_weights(float64: None) -> None:
    hyper, images = rhvae.defaults | {"centroids": 20}, IMAGES / 255.0
    for count, repeats in ((500, {1}), (8, {2, 3})):
        model = rhvae.initial(digits(), hyper, 0)
        with random.stream(torch.tensor(9)):
            rhvae.call("begin", model, images[:count], hyper)
        same = (model.posterior.images[:, None] == images[:count]).flatten(2).all(-1)
        assert (same.sum(1) >= 1).all() and set(same.sum(0).tolist()) <= repeats | {0}
        assert same.any(0).sum() == min(count, 20)
    copy = rhvae.initial(digits(), hyper, 1)
    copy.load_state_dict(model.state_dict())
    z = torch.randn(4, 3)
    assert torch.equal(copy.posterior.metric(copy)(z), model.posterior.metric(model)(z))
    centroids = model.posterior.metric(model).centroids
    assert torch.equal(centroids, model.encode(model.posterior.images))


def test_a_linear_design_of_one_latent_and_one_image_works(float64: None) -> None:
    small = Design((1, 4, 4), 1, mlp((1, 4, 4), hidden=()), design("gaussian", sigma=0.3).likelihood)
    for flavour in FLAVOURS:
        model = flavour.initial(small, flavour.defaults, 0)
        draw = model(torch.rand(1, 1, 4, 4), 2)
        assert draw.z.shape == (2, 1, 1) and draw.log_w.isfinite().all()


class Wide(torch.nn.Module):
    """A prior N(0, scale^2)."""

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, encoder: torch.nn.Module) -> Gaussian:
        return Gaussian(torch.zeros_like(self.scale), self.scale.log())


def rescaled(flavour, scale: Tensor, hyper: dict, samples: int) -> Tensor:
    """Log weights of the linear-Gaussian model whose latents are measured in other units, (samples, images)."""
    model, x, _ = linear(False, flavour, **hyper)
    with torch.no_grad(), random.stream(torch.tensor(7)):
        model.encoder.network[-1].weight[:2] *= scale[:, None]
        model.encoder.network[-1].bias[:2] *= scale
        model.encoder.network[-1].bias[2:] += scale.log()
        model.decoder.network[0].weight /= scale
        model.prior = Wide(scale)
        return model(x, samples).log_w


@pytest.mark.parametrize(("flavour", "hyper"), [(hvae, hvae.defaults), (mcvae, mcvae.defaults), (vae, {})])
@pytest.mark.parametrize("scale", [[1e-3, 1e-3], [50.0, 0.02]])
def test_dynamics_do_not_depend_on_the_unit_of_a_latent(flavour, hyper: dict, scale: list, float64: None) -> None:
    """However sharp the posterior: latents of another unit give the same weights, each image's draw for draw."""
    plain = rescaled(flavour, torch.ones(2), hyper, 3)
    torch.testing.assert_close(rescaled(flavour, torch.tensor(scale), hyper, 3), plain, rtol=1e-9, atol=1e-8)


def test_riemannian_dynamics_do_not_depend_on_the_number_of_centroids(float64: None) -> None:
    """The same centroids twice over are the same metric."""
    found = []
    for centroids in (20, 40):
        model = rhvae.initial(digits(), rhvae.defaults | {"centroids": centroids}, 0)
        images = IMAGES[:20].double() / 255
        model.posterior.images.copy_(images.repeat(centroids // 20, 1, 1, 1))
        with torch.no_grad(), random.stream(torch.tensor(9)):
            found.append(model(X.double(), 4).log_w)
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("latent", [2, 32])
def test_the_width_of_the_metric_is_in_units_of_the_prior_s_own_distances(latent: int, float64: None) -> None:
    """A centroid at 0 counts e^-1 at |z|^2 = d, where the draws of the prior lie, whatever the number of latents."""
    model = rhvae.initial(digits(latent), rhvae.defaults | {"centroids": 1, "regularisation": 1e-9}, 0)
    with torch.no_grad():
        for part in model.encoder.network[-1], model.posterior.network[-2]:
            part.weight.zero_(), part.bias.zero_()  # a mean of 0 and a factor of 1
        tensor = model.posterior.metric(model)(torch.ones(1, latent))
    torch.testing.assert_close(tensor, math.e * torch.eye(latent)[None], rtol=1e-6, atol=1e-9)


def test_a_bounded_force_is_itself_within_its_bound_and_still_runs_back_and_keeps_volume(float64: None) -> None:
    z, momentum = start(40)
    unit, plain = torch.tensor([1.0, 0.5, 2.0]), Gradient(well)
    force = bounded(plain, unit, limit=0.8)
    kept = (plain(z) * unit).abs() < 0.8
    assert 0.2 < kept.double().mean() < 0.8
    torch.testing.assert_close(force(z)[kept], plain(z)[kept], rtol=0, atol=0)
    torch.testing.assert_close((force(z) * unit).abs()[~kept], torch.full((int((~kept).sum()),), 0.8))
    end, last = leapfrog(force, z, momentum, 0.3 * unit, [1.0] * 4)
    back, first = leapfrog(force, end, -last, 0.3 * unit, [1.0] * 4)
    torch.testing.assert_close((back, -first), (z, momentum), rtol=1e-11, atol=1e-11)

    def whole(state: Tensor) -> Tensor:
        return torch.cat(leapfrog(force, *state.split(3), 0.3 * unit, [1.0] * 4))

    jacobian = torch.autograd.functional.jacobian(whole, torch.cat((z[0], momentum[0])))
    assert float(torch.linalg.det(jacobian)) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_posterior_far_sharper_than_the_encoder_knows_is_no_reason_to_run_away(flavour, float64: None) -> None:
    """A fresh encoder of deviation 1, pixels of deviation 0.003: latents stay within a few of the encoder's."""
    sharp = Design((1, 8, 8), 3, mlp((1, 8, 8), hidden=(16,)), design("gaussian", sigma=0.003).likelihood)
    model = flavour.initial(sharp, flavour.defaults, 0)
    with torch.no_grad(), random.stream(torch.tensor(4)):
        flavour.call("begin", model, IMAGES[:50] / 255.0, flavour.defaults)
        q = model.encoder(X.double())
        z = model(X.double(), 100).z
    assert ((z - q.mean) / q.stddev).abs().max() < 10
