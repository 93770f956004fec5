"""Metrics of disentanglement, of linear encoders whose pixels are the factors of the shapes, and noise."""

from __future__ import annotations

import dataclasses
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.fft
import torch
from faults import fault
from scipy.stats import norm
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn

import vaebench
from vaebench.data.dataset import Data, Split
from vaebench.data.shapes import FACTORS
from vaebench.data.sources import Dataset
from vaebench.evaluation.bench import subject
from vaebench.evaluation.factors import Factors
from vaebench.evaluation.metrics.disentanglement._groups import sharing
from vaebench.model.abilities import REASONS
from vaebench.model.distributions.delta import Delta
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Evaluation

Values = dict[str, float]
CPU = torch.device("cpu")
METRICS = catalogue.names("metrics", "disentanglement")
NUMBERS = {"mig", "sap", "modularity", "factor_vae_score", "beta_vae_score"} | {
    f"dci_{suffix}" for suffix in ("disentanglement", "completeness", "informativeness")
}
RANDOM = np.random.Generator(np.random.PCG64(0))
ROTATION = scipy.fft.dct(np.eye(5), norm="ortho")  # mixes all with all
EYE = np.eye(10)
CONTROLS = {
    "true factors": EYE[:, :5],
    "noise": EYE[:, 5:],
    "rotated factors": EYE[:, :5] @ ROTATION,
    "true factors in disguise": EYE[:, [3, 0, 4, 2, 1]] * [-3, 0.01, 100, -1, 7],
    "four factors": EYE[:, [0, 1, 3, 4, 5]],
}


def table() -> Data:
    """Five standardised factors of shapes and five columns of noise, (images, 10, 1, 1), and the factors."""
    grid = RANDOM.permutation(np.indices(tuple(FACTORS.values())).reshape(5, -1).T)
    columns = np.concatenate([(grid - grid.mean(0)) / grid.std(0), RANDOM.normal(size=(len(grid), 5))], 1)
    images, factors = torch.tensor(columns, dtype=torch.float32)[:, :, None, None], torch.tensor(grid)
    parts = slice(4000), slice(4000, 4100), slice(4100, 6000)
    train, validation, test = (Split(images[part], factors[part, 0], factors[part]) for part in parts)
    return Data("table", "", Dataset(), train, validation, test, scale="real", factors=tuple(FACTORS))


TABLE = table()


class Linear(nn.Module):
    """Pixels (images, 10) to point masses."""

    def __init__(self, matrix: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.tensor(matrix, dtype=torch.float32))

    def forward(self, x: Tensor) -> Delta:
        return Delta(x.flatten(1) @ self.matrix)


def seen(model: VAE, data: Data) -> Factors:
    return Factors(subject(model, data, model.recipe.convention, Evaluation(10, 20), CPU, 0), data)


def encoded(matrix: np.ndarray, data: Data = TABLE) -> Factors:
    """Of a linear encoder (10, latent)."""
    model = vaebench.build(
        "ae",
        (10, 1, 1),
        latent=matrix.shape[1],
        scale="real",
        convention="none",
        likelihood="gaussian",
        network_settings={"hidden": [4]},
    )
    model.encoder = Linear(matrix)
    return seen(model.eval(), data)


def values(factors: Any) -> Values:
    """Numbers of every metric, all of which must have one."""
    rows = [row for name in METRICS for row in catalogue.load("metrics", name).rows(factors)]
    assert not [row.reason for row in rows if row.reason]
    return {row.name: row.value for row in rows}


@cache
def control(name: str) -> Values:
    return values(encoded(CONTROLS[name]))


def measured(name: str, codes: np.ndarray, factors: np.ndarray) -> Any:
    """A metric of codes (images, latent) and factors (images, factors), the first half of which are for training."""
    half = len(codes) // 2
    view = SimpleNamespace(codes=codes[half:], factors=factors[half:], training=(codes[:half], factors[:half]))
    return catalogue.load("metrics", name).measure(view)


# Controls


def test_true_factors_score_one() -> None:
    found = {**control("true factors")}
    assert set(found) == NUMBERS
    # By chance another coordinate tells a little.
    assert 0.98 < found.pop("mig") < 1 and found.pop("sap") > 0.99
    assert found == {name: pytest.approx(1, abs=1e-4) for name in found}


@pytest.mark.parametrize("name", METRICS)
def test_the_controls_score_best_and_worst(name: str) -> None:
    declared, scores = catalogue.declared("metrics", name), {each: control(each) for each in CONTROLS}
    for number in (number for number in NUMBERS if number.startswith(name)):
        found = {each: scores[each][number] for each in ("true factors", "rotated factors", "noise")}
        assert found[declared["best"]] > 0.95
        assert sorted(found, key=found.__getitem__) == [declared["worst"], "rotated factors", declared["best"]]


def test_order_scale_and_sign_of_coordinates_do_not_matter() -> None:
    assert control("true factors in disguise") == pytest.approx(control("true factors"), abs=1e-4)


def test_noise_scores_chance() -> None:
    found = control("noise")
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness"):
        assert 0 <= found[name] < 0.02
    shares = sum(1 / count for count in FACTORS.values()) / 5
    assert found["dci_informativeness"] == pytest.approx(shares, abs=0.03)
    assert found["factor_vae_score"] == pytest.approx(0.2, abs=0.03)
    assert found["beta_vae_score"] == pytest.approx(0.2, abs=0.03)
    assert 0.4 < found["modularity"] < 0.7


def test_rotated_factors_are_told_but_not_apart() -> None:
    found = control("rotated factors")
    assert found["mig"] < 0.1 and found["sap"] < 0.1
    assert found["dci_disentanglement"] < 0.25 and found["dci_completeness"] < 0.25
    assert found["dci_informativeness"] > 0.75
    assert found["modularity"] < 0.9 and found["factor_vae_score"] < 0.8 and found["beta_vae_score"] < 0.95


def test_one_factor_of_five_is_not_encoded() -> None:
    """Orientation; the other four score as before, and what varies least where it is shared is any coordinate."""
    found = control("four factors")
    assert found["mig"] == pytest.approx(0.8, abs=0.02) and found["sap"] == pytest.approx(0.8, abs=0.02)
    assert found["dci_informativeness"] == pytest.approx((4 + 1 / 8) / 5, abs=0.02)
    assert found["factor_vae_score"] == pytest.approx((4 + 1 / 5) / 5, abs=0.03)
    # A weakness of this score: the one that is left is known by the absence of the others.
    assert found["beta_vae_score"] > 0.99


# Values


BLURRED = np.random.Generator(np.random.PCG64(1))
GRID = BLURRED.integers((2, 3, 5), size=(1200, 3))
CODES = GRID / GRID.std(0) @ BLURRED.normal(size=(3, 4)) + 0.5 * BLURRED.normal(size=(1200, 4))


def informations() -> tuple[np.ndarray, np.ndarray]:
    """Of the test half, by counting: mutual information (4, 3) and entropies (3,), nats."""
    codes, grid = CODES[600:], GRID[600:]
    found = np.zeros((4, 3))
    for i in range(4):
        low, width = codes[:, i].min(), np.ptp(codes[:, i]) / 20
        places = np.minimum((codes[:, i] - low) // width, 19)
        for j in range(3):
            for place in range(20):
                for value in range(5):
                    both = np.mean((places == place) & (grid[:, j] == value))
                    if both:
                        found[i, j] += both * np.log(both / (np.mean(places == place) * np.mean(grid[:, j] == value)))
    shares = [np.bincount(column) / 600 for column in grid.T]
    return found, np.array([-(share * np.log(share)).sum() for share in shares])


def test_mig_by_counting() -> None:
    found, entropies = informations()
    gaps = []
    for column, entropy in zip(found.T, entropies, strict=True):
        second, first = sorted(column)[-2:]
        gaps.append((first - second) / entropy)
    assert measured("mig", CODES, GRID) == pytest.approx(np.mean(gaps))
    assert 0.02 < np.mean(gaps) < 0.5


def test_modularity_by_counting() -> None:
    each = []
    for row in informations()[0]:
        own = row.argmax()
        template = [row[own] if factor == own else 0.0 for factor in range(3)]
        each.append(1 - sum((row - template) ** 2) / (row[own] ** 2 * 2))
    assert measured("modularity", CODES, GRID) == pytest.approx(np.mean(each))
    assert 0.1 < np.mean(each) < 0.95


def test_modularity_leaves_out_what_tells_nothing() -> None:
    half = np.repeat([[0.0], [1.0]], 600, 0)  # constant among test images
    assert measured("modularity", np.hstack((CODES, half)), GRID) == measured("modularity", CODES, GRID)
    assert "no coordinate" in fault(measured, "modularity", half, GRID)


def test_sap_by_thresholds() -> None:
    gaps = []
    for factor, count in enumerate((2, 3, 5)):
        scores = []
        for code in CODES.T:
            tree = DecisionTreeClassifier(max_leaf_nodes=count, class_weight="balanced", random_state=3)
            tree.fit(code[:600, None], GRID[:600, factor])
            answers = tree.predict(code[600:, None])
            scores.append(balanced_accuracy_score(GRID[600:, factor], answers, adjusted=True))
        second, first = sorted(scores)[-2:]
        gaps.append(first - second)
    assert measured("sap", CODES, GRID) == pytest.approx(np.mean(gaps))
    assert 0.02 < np.mean(gaps) < 0.5


@pytest.mark.parametrize("distance", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("rare", [0.5, 0.2])
def test_sap_of_two_gaussians(distance: float, rare: float) -> None:
    r"""Of equal variance: the best threshold of a balanced accuracy is their middle, however rare one is, and scores
    $2 \Phi(d / 2) - 1$.
    """
    draws = np.random.Generator(np.random.PCG64(2))
    factor = (draws.uniform(size=20_000) < rare).astype(int)
    codes = np.stack((distance * factor + draws.normal(size=20_000), np.zeros(20_000)), 1)
    assert measured("sap", codes, factor[:, None]) == pytest.approx(2 * norm.cdf(distance / 2) - 1, abs=0.04)


def test_dci_by_hand() -> None:
    """Two bits: in one coordinate both; and one of them twice."""
    draws = np.random.Generator(np.random.PCG64(3))
    bits = draws.integers(2, size=(2000, 2))
    first, second = bits.T.astype(float)
    both = np.stack((2 * first + second, draws.normal(size=2000)), 1)
    assert measured("dci", both, bits) == pytest.approx(
        {"disentanglement": 0, "completeness": 1, "informativeness": 1}, abs=1e-3
    )
    twice = measured("dci", np.stack((first, first, second), 1), bits)
    halves = (1 - np.log(2) / np.log(3) + 1) / 2  # of the two factors
    assert twice == pytest.approx({"disentanglement": 1, "completeness": halves, "informativeness": 1}, abs=0.03)


def test_groups_share_a_value_and_nothing_else() -> None:
    draws = np.random.Generator(np.random.PCG64(4))
    column = draws.choice([5, 7, 11], size=300, p=[0.2, 0.3, 0.5])
    numbers = sharing(column, 20_000, 3, draws)
    shared = column[numbers]
    assert (shared == shared[:, :1]).all()
    shares = np.array([(column == value).mean() for value in (5, 7, 11)])
    np.testing.assert_allclose([(shared[:, 0] == value).mean() for value in (5, 7, 11)], shares, atol=0.015)
    np.testing.assert_allclose(np.bincount(numbers.ravel(), minlength=300) / 200, 1, atol=0.35)


# What metrics are given


def test_factors_of_shapes() -> None:
    """Codes are those of the model, over mean and deviation in training."""
    data = vaebench.dataset("shapes", limits={"train": 300, "test": 200})
    settings = {"convention": "none", "likelihood": "gaussian", "network_settings": {"hidden": [16]}}
    model = vaebench.build("vae", (1, 28, 28), latent=4, seed=1, **settings).eval()
    factors = seen(model, data)
    train, test = (vaebench.encode(model, split.images).double().numpy() for split in (data.train, data.test))
    mean, deviation = train.mean(0), train.std(0, ddof=1)
    np.testing.assert_allclose(factors.codes, (test - mean) / deviation, atol=1e-4)
    codes, known = factors.training
    np.testing.assert_allclose(codes, (train - mean) / deviation, atol=1e-4)
    assert codes.dtype == factors.codes.dtype == np.float64 and factors.names == tuple(FACTORS)
    assert data.train.factors is not None and data.test.factors is not None
    np.testing.assert_array_equal(known, data.train.factors.numpy())
    np.testing.assert_array_equal(factors.factors, data.test.factors.numpy())
    found = values(factors)
    assert set(found) == NUMBERS and all(0 <= value < 1 for value in found.values())


def test_a_dead_coordinate_is_left_out() -> None:
    dead = np.concatenate((CONTROLS["true factors"], np.zeros((10, 1))), 1)
    assert encoded(dead).codes.shape == (1900, 5)


def test_training_codes_are_evenly_spaced() -> None:
    """Their factors are those of the same images."""
    images, factors = TABLE.train.images.repeat(3, 1, 1, 1), TABLE.train.factors.repeat(3, 1)
    many = dataclasses.replace(TABLE, train=Split(images, factors[:, 0], factors))
    codes, known = encoded(CONTROLS["true factors"], many).training
    assert codes.shape == known.shape == (10_000, 5)
    centred = known - known.mean(0)
    np.testing.assert_allclose(codes, centred / known.std(0, ddof=1), atol=1e-4)


def test_what_is_missing() -> None:
    bare = {name: dataclasses.replace(getattr(TABLE, name), factors=None) for name in ("train", "validation", "test")}
    assert fault(encoded, EYE, dataclasses.replace(TABLE, factors=(), **bare)) == "the data have no factors"
    test = TABLE.test
    one = (test.factors[:, 3] == 4).nonzero()[:, 0]
    same = dataclasses.replace(TABLE, test=Split(test.images[one], test.labels[one], test.factors[one]))
    assert fault(encoded, EYE, same) == "the test images are all of one value of the factor x"
    for matrix, reason in (
        (np.zeros((10, 5)), "its codes of the training images are all the same"),
        (np.full((10, 5), np.nan), "its codes are not finite"),
        (EYE[:, :1], "only one coordinate of its codes varies: there is none to tell it from"),
    ):
        rows = [row for name in METRICS for row in catalogue.load("metrics", name).rows(encoded(matrix))]
        assert {(row.value, row.reason) for row in rows} == {(None, reason)}


@pytest.mark.parametrize("flavour", ["svae", "vq_vae"])
def test_latents_without_units_have_none(flavour: str) -> None:
    """Coordinates of a sphere or of codes."""
    settings = {"convention": "none", "likelihood": "gaussian", "network_settings": {"hidden": [4]}}
    factors = seen(vaebench.build(flavour, (10, 1, 1), latent=4, scale="real", **settings).eval(), TABLE)
    rows = [row for name in METRICS for row in catalogue.load("metrics", name).rows(factors)]
    assert {(row.value, row.reason) for row in rows} == {(None, REASONS["euclidean"])}
