"""Metrics of codes, of encoders that pass on some columns of a table: classes, noise, or all of its pixels."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch
from faults import fault
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import vaebench
from vaebench.data.dataset import Data, Split
from vaebench.data.sources import Dataset
from vaebench.evaluation.bench import subject
from vaebench.evaluation.representation import Representation
from vaebench.model.abilities import REASONS
from vaebench.model.distributions.delta import Delta
from vaebench.study import catalogue
from vaebench.study.config import Evaluation

Array = np.ndarray
CPU = torch.device("cpu")
METRICS = catalogue.names("metrics", "representation")
PROBES = ("few_label_probe", "logistic_probe", "neighbour_probe")
CLASSES, PIXELS = 4, 12
TRAINING, TEST = 1200, 400


class Columns(nn.Module):
    """Pixels (images, columns) to point masses at linear functions of them."""

    def __init__(self, matrix: Array) -> None:
        super().__init__()
        self.register_buffer("matrix", torch.tensor(matrix, dtype=torch.float32))

    def forward(self, x: Tensor) -> Delta:
        return Delta(x.flatten(1) @ self.matrix)


def split(values: Array, labels: Array) -> Split:
    images = torch.tensor(values, dtype=torch.float32)[:, :, None, None]
    return Split(images, torch.tensor(labels, dtype=torch.int64))


def table(training: Array, labels: Array, test: Array, answers: Array) -> Data:
    """Columns (images, columns) and classes (images,) of training and of test images."""
    train = split(training, labels)
    return Data("table", "", Dataset(), train, train, split(test, answers), scale="real")


def encoded(data: Data, matrix: Array | None = None) -> Representation:
    """Of the linear encoder (columns, latent), or of one that passes everything on."""
    columns = data.shape[0]
    matrix = np.eye(columns) if matrix is None else matrix
    model = vaebench.build(
        "ae",
        data.shape,
        latent=matrix.shape[1],
        scale="real",
        convention="none",
        likelihood="gaussian",
        network_settings={"hidden": [4]},
    )
    model.encoder = Columns(matrix)
    return Representation(subject(model.eval(), data, "none", Evaluation(10, 20), CPU, 0), data)


def of_codes(test: Array, answers: Array | None = None, training: Array | None = None, labels: Array | None = None):
    """Codes that are the pixels; without training images they are the test images, of one class."""
    answers = np.zeros(len(test)) if answers is None else answers
    training, labels = (test, answers) if training is None else (training, labels)
    return encoded(table(training, labels, test, answers))


@cache
def known() -> Data:
    """Classes as the first columns, one of them each, and noise: uniform, of the same deviation."""
    draws = np.random.Generator(np.random.PCG64(0))
    labels = draws.permutation(np.arange(TRAINING + TEST) % CLASSES)
    values = np.concatenate((np.eye(CLASSES)[labels], draws.uniform(size=(len(labels), PIXELS - CLASSES))), 1)
    values = (values - values.mean(0)) / values.std(0)
    return table(values[:TRAINING], labels[:TRAINING], values[TRAINING:], labels[TRAINING:])


@pytest.fixture
def draws() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(1))


@cache
def control(name: str) -> Representation:
    """Of codes that are the classes, half of the pixels that do not tell them, or all pixels turned."""
    eye = np.eye(PIXELS)
    turned = np.linalg.qr(np.random.Generator(np.random.PCG64(2)).normal(size=(PIXELS, PIXELS)))[0]
    return encoded(known(), {"classes": eye[:, :CLASSES], "noise": eye[:, 8:], "pixels": turned}[name])


def measured(name: str, representation: Representation) -> float:
    return catalogue.load("metrics", name).measure(representation)


def reasons(representation: Representation, *names: str) -> set[str]:
    """Why metrics have no value, all of which must have none."""
    rows = [row for name in names or METRICS for row in catalogue.load("metrics", name).rows(representation)]
    assert all(row.value is None for row in rows)
    return {row.reason for row in rows}


# Controls


@pytest.mark.parametrize("name", [name for name in METRICS if name != "intrinsic_dimension"])
def test_controls_score_best_and_worst(name: str) -> None:
    declared = catalogue.declared("metrics", name)
    found = {each: measured(name, control(each)) for each in ("classes", "noise", "pixels")}
    assert found[declared["best"]] == max(found.values())
    assert found[declared["worst"]] == min(found.values())


@pytest.mark.parametrize("name", ["cluster_ari", "cluster_nmi", "silhouette"])
def test_classes_are_clusters(name: str) -> None:
    assert measured(name, control("classes")) == pytest.approx(1, abs=1e-6)
    assert measured(name, control("noise")) == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("name", PROBES)
def test_classes_are_told_and_noise_tells_nothing(name: str) -> None:
    assert measured(name, control("classes")) == 100
    assert measured(name, control("noise")) == pytest.approx(100 / CLASSES, abs=6)


# Codes


def test_codes_are_standardised_by_those_of_training(draws: np.random.Generator) -> None:
    training, test = 5 + 3 * draws.normal(size=(50, 3)), draws.normal(size=(40, 3))
    mean, deviation = training.mean(0), training.std(0, ddof=1)
    found = of_codes(test, np.arange(40) % 2, training, np.arange(50) % 2)
    np.testing.assert_allclose(found.codes, (test - mean) / deviation, rtol=1e-5, atol=1e-6)
    codes, labels = found.training
    np.testing.assert_allclose(codes, (training - mean) / deviation, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(labels, np.arange(50) % 2)
    np.testing.assert_allclose(found.images, test, rtol=1e-6)


def test_units_and_dead_coordinates_do_not_matter() -> None:
    names = [name for name in METRICS if name != "few_label_probe"]
    scaled = np.hstack((np.diag([-3, 0.01, 100, 7, 1, -1, 1e4, 1, 2, 2, 2, 3]), np.zeros((PIXELS, 2))))
    plain, other = encoded(known()), encoded(known(), scaled)
    assert other.codes.shape == (TEST, PIXELS)
    for name in names:
        assert measured(name, other) == pytest.approx(measured(name, plain), abs=1e-4)


def test_training_codes_and_neighbourhoods_are_evenly_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaebench.evaluation.representation.TRAINING", 300)
    monkeypatch.setattr("vaebench.evaluation.representation.NEIGHBOURHOODS", 100)
    found = encoded(known())
    codes, labels = found.training
    np.testing.assert_array_equal(labels, known().train.labels[::4])
    pixels = known().train.images[::4].flatten(1).double().numpy()
    np.testing.assert_allclose(codes, (pixels - pixels.mean(0)) / pixels.std(0, ddof=1), atol=1e-5)
    np.testing.assert_array_equal(found.few, np.arange(0, TEST, 4))


# Dimension


@pytest.mark.parametrize(("size", "tolerance"), [(1, 0.06), (2, 0.12), (5, 0.6)])
def test_intrinsic_dimension_of_cubes(draws: np.random.Generator, size: int, tolerance: float) -> None:
    """Also where they lie askew among more coordinates."""
    cube = draws.uniform(size=(2500, size))
    found = measured("intrinsic_dimension", of_codes(cube))
    assert found == pytest.approx(size, abs=tolerance)
    turned = np.linalg.qr(draws.normal(size=(8, 8)))[0][:size]
    assert measured("intrinsic_dimension", of_codes(cube @ turned)) == pytest.approx(size, abs=2 * tolerance)


def test_intrinsic_dimension_is_a_slope(draws: np.random.Generator) -> None:
    codes = np.float32(draws.exponential(size=(101, 3)))
    codes = (codes - codes.mean(0)) / codes.std(0)
    ratios = sorted(row[2] / row[1] for row in np.sort(cdist(codes, codes)))
    kept = [(math.log(ratio), -math.log(1 - (place + 1) / 101)) for place, ratio in enumerate(ratios[:90])]
    x, y = np.array(kept).T
    slope = np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]
    assert measured("intrinsic_dimension", of_codes(codes)) == pytest.approx(slope, rel=1e-4)
    twice = of_codes(np.concatenate((codes, codes[:30])), training=codes, labels=np.zeros(101))
    assert measured("intrinsic_dimension", twice) == pytest.approx(slope, rel=1e-4)


def test_intrinsic_dimension_that_is_none() -> None:
    few = of_codes(np.tile(np.arange(9.0), 10)[:, None])
    assert reasons(few, "intrinsic_dimension") == {"it has 9 different codes, too few to have a dimension"}
    grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(8.0)), -1).reshape(-1, 2)
    expected = "all of its codes are as far from their first as from their second neighbour"
    assert reasons(of_codes(grid), "intrinsic_dimension") == {expected}


# Probes


def blurred(draws: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Three Gaussian classes that overlap: training codes and labels, test codes and labels."""
    labels = draws.integers(3, size=700)
    codes = np.float32(np.array([[0, 0], [1.5, 0], [0, 1.5]])[labels] + draws.normal(size=(700, 2)))
    return codes[:400], labels[:400], codes[400:], labels[400:]


def test_logistic_probe_is_one_of_scikit_learn(draws: np.random.Generator) -> None:
    training, labels, test, answers = blurred(draws)
    mean, deviation = training.mean(0), training.std(0, ddof=1)
    theirs = LogisticRegression(max_iter=1000).fit((training - mean) / deviation, labels)
    accuracy = 100 * theirs.score((test - mean) / deviation, answers)
    assert measured("logistic_probe", of_codes(test, answers, training, labels)) == pytest.approx(accuracy)
    assert 50 < accuracy < 90


def test_neighbour_probe_asks_five(draws: np.random.Generator) -> None:
    training, labels, test, answers = blurred(draws)
    deviation = training.std(0, ddof=1)
    right = 0
    for code, answer in zip(test, answers, strict=True):
        nearest = np.argsort(np.linalg.norm((training - code) / deviation, axis=1))[:5]
        votes = Counter(labels[nearest])
        right += min(label for label in votes if votes[label] == max(votes.values())) == answer
    assert measured("neighbour_probe", of_codes(test, answers, training, labels)) == pytest.approx(100 * right / 300)


def test_neighbour_probe_of_few_training_images() -> None:
    """Three, all of which are asked."""
    test, answers = np.linspace(0, 1, 40)[:, None], np.repeat([0, 1], 20)
    found = of_codes(test, answers, np.array([[0.0], [1.0], [2.0]]), np.array([1, 0, 1]))
    assert measured("neighbour_probe", found) == 50


def test_few_label_probe_knows_one_in_a_hundred(draws: np.random.Generator) -> None:
    """Of 300 images of a class three, of 40 one: the others are of the other side."""
    sizes, sides = (300, 40), (-1.0, 1.0)
    training, labels = [], []
    for label, (size, side) in enumerate(zip(sizes, sides, strict=True)):
        codes = np.full(size, -side)
        codes[:: size // max(1, round(size / 100))] = side
        training.append(codes)
        labels.append(np.full(size, label))
    test, answers = np.repeat([-1.0, 1.0], 20)[:, None], np.repeat([0, 1], 20)
    found = of_codes(test, answers, np.concatenate(training)[:, None], np.concatenate(labels))
    assert measured("few_label_probe", found) == 100
    assert measured("logistic_probe", found) == 0


# Clusters


def test_clusters_are_compared_with_classes_by_counting(draws: np.random.Generator) -> None:
    training, labels, test, answers = blurred(draws)
    found = of_codes(test, answers, training, labels)
    clusters, count = found.clusters, len(test)
    assert len(set(clusters)) == 3
    information = 0.0
    for a in range(3):
        for b in range(3):
            both = np.mean((clusters == a) & (answers == b))
            if both:
                information += both * math.log(both / np.mean(clusters == a) / np.mean(answers == b))
    entropies = [-sum(share * math.log(share) for share in np.bincount(each) / count) for each in (clusters, answers)]
    assert measured("cluster_nmi", found) == pytest.approx(information / np.mean(entropies))
    pairs = np.array(
        [(clusters[i] == clusters[j], answers[i] == answers[j]) for i in range(count) for j in range(i)], dtype=float
    )
    expected = pairs[:, 0].mean() * pairs[:, 1].mean()
    agreement = (pairs.prod(1).mean() - expected) / (pairs.mean() - expected)
    assert measured("cluster_ari", found) == pytest.approx(agreement)
    assert 0.1 < agreement < 0.9


def test_clusters_are_no_more_than_codes() -> None:
    """Two different codes of four classes."""
    test, answers = np.repeat([0.0, 1.0], 20)[:, None], np.repeat(np.arange(4), 10)
    found = of_codes(test, answers)
    assert sorted(np.bincount(found.clusters)) == [20, 20]
    assert measured("cluster_nmi", found) == pytest.approx(math.log(2) / ((math.log(2) + math.log(4)) / 2))


def test_silhouette_one_image_at_a_time(draws: np.random.Generator) -> None:
    codes, labels = np.float32(draws.normal(size=(40, 2))), draws.integers(3, size=40)
    codes += labels[:, None]
    codes = codes / codes.std(0, ddof=1)
    each = []
    for place, label in enumerate(labels):
        distances = np.linalg.norm(codes - codes[place], axis=1)
        own = distances[(labels == label) & (np.arange(40) != place)].mean()
        other = min(distances[labels == number].mean() for number in range(3) if number != label)
        each.append((other - own) / max(own, other))
    assert measured("silhouette", of_codes(codes, labels)) == pytest.approx(np.mean(each), rel=1e-5)


# Neighbourhoods


def trusted(original: Array, shown: Array, nearest: int = 15) -> float:
    """Venna & Kaski 2001, equation 1, one pair at a time."""
    count = len(original)
    penalty = 0
    for place in range(count):
        order = [np.argsort(np.linalg.norm(each - each[place], axis=1)) for each in (original, shown)]
        ranks = {other: rank for rank, other in enumerate(order[0])}
        penalty += sum(max(0, ranks[other] - nearest) for other in order[1][1 : nearest + 1])
    return 1 - 2 / (count * nearest * (2 * count - 3 * nearest - 1)) * penalty


def test_neighbourhoods_one_pair_at_a_time(draws: np.random.Generator) -> None:
    """Of codes that are the first two of four pixels."""
    pixels = np.float32(draws.normal(size=(70, 4)) * [1, 1, 1, 2])
    found = encoded(table(pixels, np.zeros(70), pixels, np.zeros(70)), np.eye(4)[:, :2])
    codes = pixels[:, :2] / pixels[:, :2].std(0, ddof=1)
    expected = trusted(pixels, codes), trusted(codes, pixels)
    assert measured("trustworthiness", found) == pytest.approx(expected[0])
    assert measured("continuity", found) == pytest.approx(expected[1])
    assert expected[0] != pytest.approx(expected[1], abs=0.005) and 0.6 < min(expected) < max(expected) < 0.95


@pytest.mark.parametrize("name", ["trustworthiness", "continuity"])
def test_neighbourhoods_of_isometries_and_of_noise(draws: np.random.Generator, name: str) -> None:
    values = draws.normal(size=(500, 6))
    values[:, :3] /= values[:, :3].std(0, ddof=1)
    values[:, 3:] *= 1e-9  # what codes are, and images hardly are
    data = table(values, np.zeros(500), values, np.zeros(500))
    assert measured(name, encoded(data, np.eye(6)[:, :3])) == pytest.approx(1, abs=1e-3)
    assert measured(name, encoded(data, np.eye(6)[:, 3:])) == pytest.approx(0.5, abs=0.03)


# Missing values


def test_codes_that_are_all_the_same_or_not_finite() -> None:
    assert reasons(encoded(known(), np.zeros((PIXELS, 2)))) == {"its codes of the training images are all the same"}
    broken = np.eye(PIXELS)
    broken[3, 3] = np.nan
    assert reasons(encoded(known(), broken)) == {"its codes are not finite"}


def test_discrete_latents_have_no_dimension() -> None:
    settings = {"convention": "none", "likelihood": "gaussian", "network_settings": {"hidden": [4]}}
    model = vaebench.build("fsq_vae", known().shape, latent=2, scale="real", **settings)
    found = Representation(subject(model.eval(), known(), "none", Evaluation(10, 20), CPU, 0), known())
    assert reasons(found, "intrinsic_dimension") == {REASONS["continuous"]}
    assert measured("logistic_probe", found) > 100 / CLASSES


def test_data_without_classes() -> None:
    bare = {
        name: Split(part.images, 0 * part.labels) for name, part in (("train", known().train), ("test", known().test))
    }
    found = encoded(dataclasses.replace(known(), **bare))
    labelled = [name for name in METRICS if "labels" in catalogue.declared("metrics", name).get("needs", ())]
    assert set(METRICS) - set(labelled) == {"continuity", "intrinsic_dimension", "trustworthiness"}
    assert reasons(found, *labelled) == {"the data have no classes"}
    for name in set(METRICS) - set(labelled):
        assert measured(name, found) == measured(name, encoded(known()))


def test_too_few_test_images(draws: np.random.Generator) -> None:
    codes = draws.normal(size=(32, 3))
    names = ("cluster_ari", "cluster_nmi", "silhouette", "trustworthiness", "continuity")
    assert reasons(of_codes(codes[:31], np.arange(31) % 2), *names) == {"31 test images are too few: 32 are needed"}
    for name in names:
        assert -0.5 < measured(name, of_codes(codes, np.arange(32) % 2)) < 1


def test_classes_that_tell_nothing(draws: np.random.Generator) -> None:
    codes = draws.normal(size=(40, 2))
    one = of_codes(codes, np.arange(40) % 2, codes, np.zeros(40))
    assert reasons(one, "logistic_probe", "few_label_probe") == {"the training images are of one class"}
    assert measured("neighbour_probe", one) == 50
    each = of_codes(codes, np.arange(40))
    assert reasons(each, "silhouette") == {"these test images are of one class, or of one each"}


def test_evenly_spaced_images_of_one_class(draws: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaebench.evaluation.representation.NEIGHBOURHOODS", 20)
    found = of_codes(draws.normal(size=(40, 2)), np.arange(40) % 2)
    assert fault(measured, "silhouette", found) == "these test images are of one class, or of one each"
