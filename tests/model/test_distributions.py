from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence
from torch.func import functional_call, vmap

import vaebench
from vaebench import random
from vaebench.model.distributions.delta import Delta
from vaebench.model.distributions.gaussian import Gaussian, kl_per_dimension

pytestmark = pytest.mark.usefixtures("float64")
DRAWS = 200_000


def numbers(*shape: int, part: int = 0) -> Tensor:
    return random.Stream(torch.tensor(random.key(part, "test"))).normal(shape, torch.float64)


def gaussian(part: int, *shape: int) -> Gaussian:
    return Gaussian(numbers(*shape, part=part), 0.5 * numbers(*shape, part=part + 1))


def reference(q: Gaussian) -> Independent:
    return Independent(Normal(q.mean, q.log_std.exp()), 1)


@pytest.mark.parametrize("samples", [(), (6,), (2, 3)])
def test_log_density(samples: tuple[int, ...]) -> None:
    q = gaussian(0, 4, 3)
    z = 2 * numbers(*samples, 4, 3, part=2)
    torch.testing.assert_close(q.log_prob(z), reference(q).log_prob(z), rtol=1e-13, atol=1e-13)


def test_moments_are_those_of_the_parameters() -> None:
    q = gaussian(0, 4, 3)
    for moment in ("mean", "stddev", "variance"):
        torch.testing.assert_close(getattr(q, moment), getattr(reference(q), moment), rtol=1e-14, atol=0)


@pytest.mark.parametrize("prior", [(3,), (4, 3), (5, 1, 3)])
def test_kl_in_closed_form(prior: tuple[int, ...]) -> None:
    q, p = gaussian(0, 4, 3), gaussian(2, *prior)
    expected = kl_divergence(reference(q), reference(p))
    torch.testing.assert_close(kl_divergence(q, p), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(kl_per_dimension(q, p).sum(-1), expected, rtol=1e-12, atol=1e-12)
    each = kl_divergence(Normal(q.mean, q.stddev), Normal(p.mean, p.stddev))
    torch.testing.assert_close(kl_per_dimension(q, p), each, rtol=1e-12, atol=1e-12)


def test_kl_is_the_mean_log_ratio_of_samples() -> None:
    q, p = gaussian(0, 4, 3), gaussian(2, 3)
    with random.stream(torch.tensor(0)):
        z = q.rsample((DRAWS,))
    ratio = q.log_prob(z) - p.log_prob(z)
    error = (ratio.mean(0) - kl_divergence(q, p)).abs()
    assert (error < 4.5 * ratio.std(0) / math.sqrt(DRAWS)).all()


def test_kl_to_itself_is_zero_and_stays_finite_far_out() -> None:
    q = gaussian(0, 4, 3)
    assert torch.equal(kl_per_dimension(q, q), torch.zeros(4, 3))
    standard = Gaussian(torch.zeros(1), torch.zeros(1))
    narrow = Gaussian(torch.tensor([1e3]), torch.tensor([-50.0]))
    assert kl_divergence(narrow, standard).item() == pytest.approx(5e5 - 0.5 + 50, rel=1e-14)


def test_samples_have_the_moments_and_the_noise_of_the_stream() -> None:
    q = gaussian(0, 4, 3)
    with random.stream(torch.tensor(1)) as stream:
        z = q.rsample((DRAWS,))
    noise = random.Stream(stream.key).normal((DRAWS, 4, 3), torch.float64)
    assert torch.equal(z, q.mean + q.stddev * noise)
    assert ((z.mean(0) - q.mean).abs() < 4.5 * q.stddev / math.sqrt(DRAWS)).all()
    assert ((z.var(0) / q.variance - 1).abs() < 4.5 * math.sqrt(2 / DRAWS)).all()


def test_parameters_broadcast() -> None:
    q = Gaussian(numbers(3), 0.5 * numbers(5, 3, part=1))
    assert (q.batch_shape, q.event_shape) == ((5,), (3,))
    whole = Gaussian(q.mean.clone(), q.log_std)
    z = numbers(2, 5, 3, part=2)
    assert torch.equal(q.log_prob(z), whole.log_prob(z))
    with random.stream(torch.tensor(0)):
        drawn = q.rsample()
    assert drawn.shape == (5, 3)


def test_point_mass() -> None:
    point = numbers(4, 3).requires_grad_()
    q = Delta(point)
    assert (q.batch_shape, q.event_shape) == ((4,), (3,))
    assert torch.equal(q.mean, point)
    assert torch.equal(q.rsample(), point)
    z = q.rsample((5, 2))
    assert torch.equal(z, point.detach().repeat(5, 2, 1, 1))
    z.sum().backward()
    assert torch.equal(point.grad, torch.full((4, 3), 10.0))
    with pytest.raises(NotImplementedError):
        q.log_prob(point)
    images = Delta(numbers(2, 1, 4, 4), event_dims=3)
    assert (images.batch_shape, images.event_shape) == ((2,), (1, 4, 4))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian_learned", "continuous_bernoulli"])
@pytest.mark.parametrize("flavour", ["vae", "beta_vae", "ae"])
def test_gradients_of_the_objective_are_its_finite_differences(flavour: str, likelihood: str) -> None:
    model = vaebench.build(
        flavour,
        (1, 3, 4),
        latent=2,
        likelihood=likelihood,
        convention="none",
        network_settings={"hidden": [5], "activation": "tanh"},
    )
    x, recipe = numbers(6, 1, 3, 4).sigmoid(), model.recipe

    class Objective(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self) -> Tensor:
            with random.stream(torch.tensor(random.key(0, "noise"))):
                terms, _ = recipe.flavour.terms("model", self.model, x, recipe.objective.settings)
            return torch.stack([term.mean() for term in terms.values()]).sum()

    objective = Objective()
    names, parameters = zip(*objective.named_parameters(), strict=True)
    gradients = torch.cat([each.flatten() for each in torch.autograd.grad(objective(), parameters)])
    sizes = [parameter.numel() for parameter in parameters]

    def at(flat: Tensor) -> Tensor:
        """The objective where all parameters, in a row, are these."""
        pieces = [part.reshape(old.shape) for part, old in zip(flat.split(sizes), parameters, strict=True)]
        return functional_call(objective, dict(zip(names, pieces, strict=True)), ())

    middle, step = torch.cat([parameter.detach().flatten() for parameter in parameters]), 1e-5
    with torch.no_grad():
        above, below = (vmap(at)(middle + move * torch.eye(len(middle))) for move in (step, -step))
    assert len(middle) > 100
    for slope, expected in zip(((above - below) / (2 * step)).tolist(), gradients.tolist(), strict=True):
        assert slope == pytest.approx(expected, rel=1e-6, abs=1e-8)
