"""How alike the codes of seeds are, of encoders that turn, permute, mix or forget the coordinates of a table."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.spatial
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

import vaebench
from vaebench.evaluation.seeds import Seeds
from vaebench.evaluation.subject import Subject
from vaebench.model.abilities import REASONS
from vaebench.model.distributions.delta import Delta
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.vae import VAE
from vaebench.study import catalogue

Array = np.ndarray
METRICS = catalogue.names("metrics", "stability")
UDR = "unsupervised_disentanglement_ranking"
GRID = np.stack(np.meshgrid(np.arange(5.0), np.arange(7.0), np.arange(4.0)), -1).reshape(-1, 3)


class Encoder(nn.Module):
    """Codes as they come, of deviations (latent,) that are the same for all images."""

    def __init__(self, log_std: Array) -> None:
        super().__init__()
        self.register_buffer("log_std", torch.tensor(log_std))

    def forward(self, x: Tensor) -> Gaussian:
        return Gaussian(x.flatten(1), self.log_std)


class Prior(nn.Module):
    """A standard normal law."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.zero = torch.zeros(latent, dtype=torch.float64)

    def forward(self, encoder: nn.Module) -> Gaussian:
        return Gaussian(self.zero, self.zero)


class Decoder(nn.Module):
    def forward(self, z: Tensor) -> Delta:
        return Delta(z[..., :1, None, None], event_dims=3)


def before(model: VAE, images: Tensor) -> Subject:
    return Subject(model, images, images, 0, importance_samples=1, importance_images=1)


def of_codes(codes: Array, log_std: Array | None = None) -> Subject:
    """A seed with these codes (images, latent); deviations are those of the prior unless given."""
    latent = codes.shape[1]
    encoder = Encoder(np.zeros(latent) if log_std is None else log_std)
    model = VAE(encoder=encoder, prior=Prior(latent), decoder=Decoder(), posterior=None)
    return before(model, torch.tensor(codes)[:, :, None, None])


def measured(name: str, own: Array, *others: Array) -> float:
    return catalogue.load("metrics", name).measure(Seeds(of_codes(own), [of_codes(other) for other in others]))


def reasons(seeds: Seeds, *names: str) -> set[str]:
    """Why metrics have no value, all of which must have none."""
    rows = [row for name in names or METRICS for row in catalogue.load("metrics", name).rows(seeds)]
    assert all(row.value is None for row in rows)
    return {row.reason for row in rows}


@pytest.fixture
def draws() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(0))


def rotation(draws: np.random.Generator, size: int) -> Array:
    return np.linalg.qr(draws.normal(size=(size, size)))[0]


# Controls


@pytest.mark.parametrize("name", METRICS)
def test_controls_score_best_and_worst(draws: np.random.Generator, name: str) -> None:
    """Coordinates on a grid, which have no rank correlation with each other."""
    controls = {
        "permuted codes": GRID[:, [2, 0, 1]] * [-1, 3, 0.5],
        "rotated codes": 3 * (GRID - GRID.mean(0)) @ rotation(draws, 3) + [5, 0, -5],
        "noise": draws.normal(size=GRID.shape),
    }
    declared = catalogue.declared("metrics", name)
    best, worst = (measured(name, GRID, controls[declared[end]]) for end in ("best", "worst"))
    assert best == pytest.approx(1 if declared["better"] == "higher" else 0, abs=1e-9)
    assert abs(worst - best) > 0.3


def test_noise_is_like_nothing(draws: np.random.Generator) -> None:
    codes, noise = draws.normal(size=(2, 2000, 3))
    assert measured("linear_cka", codes, noise) == pytest.approx(0, abs=0.01)
    assert measured("procrustes_distance", codes, noise) == pytest.approx(1, abs=0.01)
    assert measured(UDR, codes, noise) < 0.05


# Values


def test_procrustes_distance_is_that_of_scipy(draws: np.random.Generator) -> None:
    codes = draws.normal(size=(60, 4)) * [3, 1, 1, 0.2] + 2
    for blur in (0, 0.5, 2):
        other = 7 * codes @ rotation(draws, 4) + blur * draws.normal(size=(60, 4))
        disparity = scipy.spatial.procrustes(codes, other)[2]
        assert measured("procrustes_distance", codes, other) == pytest.approx(disparity, abs=1e-12)
        assert measured("procrustes_distance", other, codes) == pytest.approx(disparity, abs=1e-12)
        assert (blur == 0) == (disparity < 1e-9)


def test_linear_cka_is_that_of_centred_kernels(draws: np.random.Generator) -> None:
    """Kornblith et al. 2019, equations 3 and 4: of inner products of images, and not of coordinates."""
    codes, blur = draws.normal(size=(2, 50, 3))
    codes = codes * [3, 1, 0.5] + 1
    other = codes @ draws.normal(size=(3, 3)) + blur
    centring = np.eye(50) - 1 / 50

    def dependence(a: Array, b: Array) -> float:
        return np.trace(a @ a.T @ centring @ b @ b.T @ centring)

    expected = dependence(codes, other) / math.sqrt(dependence(codes, codes) * dependence(other, other))
    assert measured("linear_cka", codes, other) == pytest.approx(expected)
    assert 0.2 < expected < 0.95


def test_linear_cka_of_one_coordinate_is_a_squared_correlation(draws: np.random.Generator) -> None:
    codes, blur = draws.normal(size=(2, 80, 1))
    expected = np.corrcoef(codes[:, 0], (codes + blur)[:, 0])[0, 1] ** 2
    assert measured("linear_cka", codes, codes + blur) == pytest.approx(expected)
    assert measured("procrustes_distance", codes, codes + blur) == pytest.approx(1 - expected)


@pytest.mark.parametrize("name", METRICS)
def test_several_seeds_are_a_mean(draws: np.random.Generator, name: str) -> None:
    codes, *others = draws.normal(size=(4, 40, 3)) + 2 * draws.normal(size=(40, 3))
    each = [measured(name, codes, other) for other in others]
    assert measured(name, codes, *others) == pytest.approx(np.mean(each))
    assert max(each) - min(each) > 1e-3


def test_ranking_of_permuted_codes_is_one() -> None:
    """Whatever the sign, and a map that keeps the order."""
    permuted = np.stack((-np.exp(GRID[:, 1]), GRID[:, 2] ** 3, 10 - GRID[:, 0]), 1)
    assert measured(UDR, GRID, permuted) == pytest.approx(1)


def test_ranking_of_a_coordinate_that_is_there_twice() -> None:
    """By hand: the first row of correlations is 1, 1, 0, the second 0, 0, 1."""
    two = GRID[:, :2]
    assert measured(UDR, two, GRID[:, [0, 0, 1]]) == pytest.approx((1 / 2 + 1 + 1 + 1 + 1) / 5)
    assert measured(UDR, GRID[:, [0, 0, 1]], two) == pytest.approx((1 / 2 + 1 + 1 + 1 + 1) / 5)


def test_ranking_of_codes_turned_by_an_eighth(draws: np.random.Generator) -> None:
    r"""All rank correlations are $\frac6\pi \arcsin(\rho / 2)$ of $\rho = 1/\sqrt2$, and half of that remains."""
    codes = draws.normal(size=(4000, 2))
    turned = codes @ np.array([[1, 1], [-1, 1]]) / math.sqrt(2)
    expected = 6 / math.pi * math.asin(math.sqrt(0.5) / 2) / 2
    assert measured(UDR, codes, turned) == pytest.approx(expected, abs=0.02)


def test_ranking_one_correlation_at_a_time(draws: np.random.Generator) -> None:
    """Of the informative coordinates: three of one seed, two of the other."""
    codes = draws.normal(size=(90, 4))
    other = (codes @ draws.normal(size=(4, 3))).round(1)
    own_std, other_std = np.array([0.0, -3, 0, 0]), np.zeros(3)
    codes[:, 2] *= 0.01  # of a posterior that is the prior's
    other[:, 1] = 0.01 * other[:, 1]
    seeds = Seeds(of_codes(codes, own_std), [of_codes(other, other_std)])
    own, theirs = [0, 1, 3], [0, 2]
    correlations = np.array([[abs(spearmanr(codes[:, a], other[:, b])[0]) for b in theirs] for a in own])
    rows = [max(row) ** 2 / sum(row) for row in correlations]
    columns = [max(column) ** 2 / sum(column) for column in correlations.T]
    assert catalogue.load("metrics", UDR).measure(seeds) == pytest.approx(sum(rows + columns) / 5)


def test_ranking_leaves_out_a_coordinate_that_does_not_vary() -> None:
    """Its posterior is not the prior's, but the same for all images."""
    same = np.column_stack((GRID, np.full(len(GRID), 3.0)))
    assert measured(UDR, same, GRID) == pytest.approx(1)
    assert measured(UDR, GRID, same) == pytest.approx(1)


# Missing values


def test_one_seed_has_nothing_to_be_held_against() -> None:
    assert reasons(Seeds(of_codes(GRID), [])) == {"there is no other seed to hold it against"}


def test_codes_that_are_not_finite_or_all_the_same() -> None:
    broken = GRID.copy()
    broken[4, 1] = np.nan
    for bad, reason in ((broken, "its codes are not finite"), (0 * GRID + 2, "its codes are all the same")):
        assert reasons(Seeds(of_codes(bad), [of_codes(GRID)])) == {reason}
        assert reasons(Seeds(of_codes(GRID), [of_codes(GRID), of_codes(bad)])) == {reason}


def test_codes_that_tell_nothing() -> None:
    reason = "no coordinate of its latents, or of another seed's, is informative"
    assert reasons(Seeds(of_codes(GRID), [of_codes(1e-3 * GRID)]), UDR) == {reason}


@pytest.mark.parametrize(("flavour", "need"), [("vq_vae", "continuous"), ("ae", "gaussian"), ("svae", "gaussian")])
def test_latents_without_such_coordinates(flavour: str, need: str) -> None:
    images = torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    models = (
        vaebench.build(flavour, (1, 8, 8), latent=2, seed=seed, network_settings={"hidden": [8]}) for seed in (0, 1)
    )
    own, other = (before(model.eval(), images) for model in models)
    names = [name for name in METRICS if need in catalogue.declared("metrics", name)["needs"]]
    assert reasons(Seeds(own, [other]), *names) == {REASONS[need]}
    for name in set(METRICS) - set(names) if need == "gaussian" else ():
        assert 0 < catalogue.load("metrics", name).measure(Seeds(own, [other])) < 1
        same = catalogue.load("metrics", name).measure(Seeds(own, [own]))
        assert same == pytest.approx(1.0 if name == "linear_cka" else 0.0, abs=1e-9)
