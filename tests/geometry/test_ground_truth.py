"""Latent metrics where the answer is known: codes on a ring with a hole, and closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

import vaebench
from vaebench import random
from vaebench.data.binarisation import scaled
from vaebench.data.dataset import Split
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.survey.balls import Balls
from vaebench.evaluation.survey.latent_metrics import expected
from vaebench.evaluation.survey.latent_metrics.ensemble import member
from vaebench.evaluation.survey.survey import Survey
from vaebench.geometry.geodesics import Immersed, Intrinsic, Map, Space, geodesics, space
from vaebench.geometry.metrics import Conformal, Explicit, MetricTensor, Pullback, ensemble
from vaebench.model.distributions.delta import Delta
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.study.config import Geometry

IMAGES = 600


def normal(*shape: int, seed: int = 0) -> Tensor:
    return random.Stream(torch.tensor(random.key(seed, "ground truth"))).normal(shape, torch.float64)


# A ring with a hole


def directions(angles: Tensor) -> Tensor:
    return torch.stack((angles.cos(), angles.sin()), -1)


def waves(z: Tensor) -> Tensor:
    """Images (..., 1, 1, 4) of latents (..., 2); on the unit circle, waves of their angle and of twice that."""
    x, y = z.unbind(-1)
    return 0.5 + 0.4 * torch.stack((x, y, x * x - y * y, 2 * x * y), -1)[..., None, None, :]


class Plane(nn.Module):
    """The point of the plane that an image's first two pixels are."""

    def forward(self, x: Tensor) -> Delta:
        return Delta((x.flatten(1)[:, :2] - 0.5) / 0.4, event_dims=1)


class Waves(nn.Module):
    """A decoder that knows the ring's images, and fades across the hole."""

    def forward(self, z: Tensor) -> Delta:
        return Delta(waves(z), event_dims=3)


def ring() -> Survey:
    """Codes in a ring of radii from 0.8 to 1.2, with a known decoder, of images with noise of 0.02."""
    angles = 2 * math.pi * torch.arange(IMAGES, dtype=torch.float64) / IMAGES
    radii = 0.8 + 0.4 * (torch.arange(IMAGES, dtype=torch.float64) * (5**0.5 - 1) / 2 % 1)
    images = waves(radii[:, None] * directions(angles))
    noisy = torch.cat((images[..., :2], images[..., 2:] + 0.02 * normal(*images[..., 2:].shape)), -1)
    train = Split((255 * noisy.clamp(0, 1)).round().to(torch.uint8), torch.zeros(IMAGES, dtype=torch.int64))
    model = VAE(encoder=Plane(), prior=None, decoder=Waves(), posterior=None)
    seen = scaled(train.images)
    subject = Subject(model, seen, seen, 0, importance_samples=1, importance_images=1)
    metrics = ["euclidean", "expected", "density"]
    return Survey(subject, Split(seen, train.labels), train, Encoded(model, seen, 0), Geometry(metrics=metrics))


def ends(gap: float = 2.7) -> tuple[Tensor, Tensor]:
    """Pairs of unit vectors nearly opposite: not so much that either way around is as short."""
    angles = torch.arange(6, dtype=torch.float64)
    return directions(angles), directions(angles + gap)


def least_radii(space: Space, survey: Survey | None = None) -> Tensor:
    """Of the geodesics between `ends`, which are to be trusted, in units of the ring's."""
    a, b = ends()
    if survey:
        a, b = survey.manifold.coordinates(a), survey.manifold.coordinates(b)
    found = geodesics(space, a, b)
    assert found.trusted.all()
    points = found.curve(torch.linspace(0, 1, 129, dtype=torch.float64))
    points = survey.manifold.latents(points) if survey else points
    return points.norm(dim=-1).amin(-1)


@torch.no_grad()
def test_the_euclidean_geodesic_cuts_through_the_hole() -> None:
    survey = ring()
    assert (least_radii(survey.paths["euclidean"].space, survey) < 0.35).all()


@pytest.mark.parametrize("metric", ["expected", "density"])
@torch.no_grad()
def test_geodesics_go_around_the_hole(metric: str) -> None:
    survey = ring()
    assert (least_radii(survey.paths[metric].space, survey) > 0.5).all()


def test_an_ensemble_goes_around_hills_that_its_decoders_do_not_share() -> None:
    """A constructed example: each decoder has a hill of its own in the hole. Each is measured on its own, so that it is
    not their difference that is long: for trained ones, see the slow test."""

    def hill(number: int) -> Map:
        centre = 0.2 * directions(torch.tensor(2 * math.pi * number / 3, dtype=torch.float64))

        def image(z: Tensor) -> Tensor:
            height = 3 * (-0.5 * ((z - centre) / 0.3).square().sum(-1, keepdim=True)).exp()
            return torch.cat((z, *(height * (number == other) for other in range(3))), -1)

        return image

    members = [hill(number) for number in range(3)]
    a, _ = ends()
    assert (members[0](a) - members[1](a)).abs().max() < 0.1 < 1 < (members[0](0 * a) - members[1](0 * a)).norm()
    assert (least_radii(Immersed(ensemble(*members))) > 0.6).all()
    assert (least_radii(Immersed(lambda z: z)) < 0.3).all()


@pytest.mark.slow
@torch.no_grad()
def test_an_ensemble_of_trained_decoders_crosses_the_hole() -> None:
    """Trained on a ring's codes alone, each of them fades from one side to the other, which is shorter than around."""
    plain = ring()
    model = vaebench.build("ae", (1, 1, 4), latent=2, convention="none", network_settings={"hidden": [32, 32]})
    model.encoder = Plane()
    seen = plain.observed
    subject = Subject(model, seen, seen, 0, importance_samples=1, importance_images=1)
    survey = Survey(subject, plain.test, plain.train, Encoded(model, seen, 0), Geometry(metrics=["ensemble"]))
    model.decoder = member(survey, 0)
    assert (least_radii(survey.paths["ensemble"].space, survey) < 0.5).all()


# Conformal metrics


def surface(z: Tensor) -> Tensor:
    weights = normal(2, 12, seed=5), normal(12, 8, seed=6)
    return (z @ weights[0]).tanh() @ weights[1]


def log_scale(z: Tensor) -> Tensor:
    return 0.4 * (2 * z[..., 0]).sin() + 0.3 * z[..., 1].square()


def tensor(z: Tensor) -> Tensor:
    return (2 * log_scale(z)).exp()[..., None, None] * Pullback(surface)(z)


CONFORMAL = Conformal(Pullback(surface), log_scale)


def test_a_conformal_metric_is_its_tensor() -> None:
    z = normal(7, 2)
    torch.testing.assert_close(CONFORMAL(z), tensor(z))
    singular = CONFORMAL.singular_values(z)
    torch.testing.assert_close(singular.square(), torch.linalg.eigvalsh(tensor(z)).flip(-1))


def test_conformal_lengths_and_geodesics_are_those_of_the_tensor() -> None:
    a, b = 0.8 * normal(2, 12, 2, seed=1)
    one, other = (geodesics(space(metric, a), a, b, tolerance=1e-8, segments=64) for metric in both())
    torch.testing.assert_close(one.line_length, other.line_length, rtol=2e-4, atol=0)
    assert one.trusted.all() and other.trusted.all() and (one.length < 0.99 * one.line_length).any()
    torch.testing.assert_close(one.length, other.length, rtol=1e-3, atol=0)


def both() -> tuple[MetricTensor, MetricTensor]:
    return CONFORMAL, Explicit(tensor)


def test_the_connection_of_a_conformal_metric() -> None:
    r"""$\Gamma(u, v) + (\partial_u s) v + (\partial_v s) u - \langle u, v \rangle \nabla s$ of the metric's own."""
    z, u, v = normal(3, 9, 2, seed=2)
    found = space(CONFORMAL, z).connection(z, u, v)
    torch.testing.assert_close(found, Intrinsic(Explicit(tensor)).connection(z, u, v))
    base = Pullback(surface)(z)
    slope = torch.func.grad(lambda place: log_scale(place).sum())(z)
    raised = torch.linalg.solve(base, slope)
    inner = torch.einsum("pi,pij,pj->p", u, base, v)[:, None]
    closed = (slope * u).sum(-1, keepdim=True) * v + (slope * v).sum(-1, keepdim=True) * u - inner * raised
    torch.testing.assert_close(found, Immersed(surface).connection(z, u, v) + closed)


# Precisions and densities


def test_each_step_raises_the_likelihood_of_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, least = normal(300, 2), torch.tensor(0.5, dtype=torch.float64)
    bumps = Balls(codes[:20], torch.full((20,), 0.05), torch.tensor(0.2)).bumps(codes)
    squares = ((0.1 + codes.square()) * normal(300, 2, seed=1)).square()
    likelihoods = []
    for steps in range(12):
        monkeypatch.setattr(expected, "STEPS", steps)
        precision = bumps @ expected.precisions(bumps, squares, least) + least
        likelihoods.append(0.5 * (precision.log() - precision * squares).sum(0))
    rises = torch.stack(likelihoods).diff(dim=0)
    assert (rises > 0).all()


def test_precisions_recover_a_constant_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bumps that share the plane among them, so that it can be represented."""
    monkeypatch.setattr(expected, "STEPS", 200)
    bumps = normal(20000, 4).softmax(-1)
    deviations, least = torch.tensor([0.1, 0.5]).double(), torch.tensor(1.0).double()
    squares = (deviations * normal(len(bumps), 2, seed=1)).square()
    variance = 1 / (bumps @ expected.precisions(bumps, squares, least) + least)
    torch.testing.assert_close(variance.sqrt(), deviations.expand_as(variance), rtol=0.1, atol=0)


@pytest.mark.parametrize("count", [30, 1000])
def test_the_density_of_balls_is_one_in_all(count: int) -> None:
    codes = normal(count, 2) * torch.tensor([1.0, 0.3], dtype=torch.float64)
    balls = Balls.of(codes, 0)
    assert balls.weights.sum().item() == pytest.approx(1)
    step = 0.02
    grid = torch.cartesian_prod(torch.arange(-5, 5, step).double(), torch.arange(-2, 2, step).double())
    density = balls.log_density(grid).exp() * step**2
    assert density.sum().item() == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(density @ grid, balls.weights @ balls.centres, rtol=0, atol=1e-4)
