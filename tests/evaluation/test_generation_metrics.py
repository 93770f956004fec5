"""Metrics of samples on features of known laws, and on digits with a judge that was trained on them."""

from __future__ import annotations

import dataclasses
import gzip
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import scipy.special
import scipy.stats
import torch
from faults import fault
from torch import Tensor

import vaebench
from vaebench.data.binarisation import scaled
from vaebench.data.dataset import Data, Split
from vaebench.data.sources import SOURCES
from vaebench.evaluation import judge as judging
from vaebench.evaluation import reference
from vaebench.evaluation.generation import Generation, Images
from vaebench.evaluation.judge import Judge
from vaebench.evaluation.metrics.generation.frechet_distance import frechet
from vaebench.study import catalogue

Array = np.ndarray
METRICS = catalogue.names("metrics", "generation")
FILES = "images-idx3", "labels-idx1"  # of a public dataset
MIRROR = Path(os.environ.get("VAEBENCH_MIRROR", Path(__file__).parents[3] / "shared/mirror"))
STEPS = 100, 50  # of the judges here: enough for 95 and 80 % of the digits


@pytest.fixture
def draws() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(0))


class Plain:
    """A judge whose features are the pixels, and the logits of the classes too."""

    fault = ""

    def __init__(self, classes: int = 0, scale: float = 1) -> None:
        self.classes, self.scale = classes, scale

    def features(self, images: Tensor) -> Tensor:
        return self.scale * images.flatten(1).double()

    def classify(self, features: Tensor) -> Tensor:
        return (features / self.scale).softmax(1)


def images(values: Array) -> Tensor:
    return torch.tensor(values)[:, :, None, None]


def beside(x: Array, y: Array, train: Array | None = None, judge: Any = None) -> Generation:
    """Samples ``x`` before test images ``y``, both (n, features)."""
    return Generation(judge or Plain(), images(x), images(y), images(y if train is None else train))


def measured(name: str, x: Array, y: Array, train: Array | None = None, judge: Any = None) -> Any:
    return catalogue.load("metrics", name).measure(beside(x, y, train, judge))


def rows(name: str, generation: Generation) -> dict[str, tuple[float | None, str]]:
    return {row.name: (row.value, row.reason) for row in catalogue.load("metrics", name).rows(generation)}


def of_moments(draws: np.random.Generator, count: int, mean: Array, covariance: Array) -> Array:
    """Draws whose mean and covariance (of count - 1) are these exactly."""
    normal = draws.normal(size=(count, len(mean)))
    normal -= normal.mean(0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(normal.T)), normal.T).T
    return white @ np.linalg.cholesky(covariance).T + mean


def spread(draws: np.random.Generator, size: int) -> Array:
    """A covariance."""
    root = draws.normal(size=(size, 2 * size))
    return root @ root.T / size


# Frechet distance


def test_frechet_distance_of_covariances_that_commute(draws: np.random.Generator) -> None:
    """The axes are the same: squared differences of means and of deviations."""
    axes = np.linalg.qr(draws.normal(size=(3, 3)))[0]
    first, second = np.array([1.0, 4.0, 9.0]), np.array([16.0, 1.0, 0.25])
    x = of_moments(draws, 50, np.array([1.0, 2, 3]), axes @ np.diag(first**2) @ axes.T)
    y = of_moments(draws, 40, np.array([1.0, 0, 0]), axes @ np.diag(second**2) @ axes.T)
    assert frechet(torch.tensor(x), torch.tensor(y)) == pytest.approx(13 + ((first - second) ** 2).sum())


def test_frechet_distance_of_other_covariances(draws: np.random.Generator) -> None:
    a, b, mean = spread(draws, 4), spread(draws, 4), np.array([0.5, 0, -1, 2])
    x, y = of_moments(draws, 30, mean, a), of_moments(draws, 60, np.zeros(4), b)
    root = scipy.linalg.sqrtm(a @ b)
    assert not np.allclose(a @ b, b @ a)
    expected = mean @ mean + np.trace(a + b - 2 * root.real)
    assert frechet(torch.tensor(x), torch.tensor(y)) == pytest.approx(expected)
    assert frechet(torch.tensor(y), torch.tensor(x)) == pytest.approx(expected)


def test_frechet_distance_of_fewer_images_than_features(draws: np.random.Generator) -> None:
    """Covariances of rank four, in 10 dimensions."""
    x, y = draws.normal(size=(5, 10)), draws.normal(size=(5, 10))
    cross = np.sqrt(np.linalg.eigvals(np.cov(x.T) @ np.cov(y.T)).astype(complex)).real.sum()
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(np.cov(x.T) + np.cov(y.T)) - 2 * cross
    assert frechet(torch.tensor(x), torch.tensor(y)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_frechet_distance_has_no_bias_and_its_error_covers(draws: np.random.Generator, shift: float) -> None:
    size, count, repeats = 6, 200, 80
    mixing = spread(draws, size)
    true = size * shift**2
    estimates, errors, plain = [], [], []
    for _ in range(repeats):
        x, y = (draws.normal(size=(count, size)) @ mixing for _ in range(2))
        found = measured("frechet_distance", x + shift, y)
        estimates.append(found.value)
        errors.append(found.error)
        plain.append(frechet(torch.tensor(x + shift), torch.tensor(y)))
    deviation = np.std(estimates, ddof=1)
    assert abs(np.mean(estimates) - true) < 3 * deviation / math.sqrt(repeats)
    assert np.mean(plain) - true > 5 * deviation / math.sqrt(repeats)
    assert 0.8 < np.mean(errors) / deviation < 1.4
    assert np.mean(np.abs(np.array(estimates) - true) < 2 * np.array(errors)) > 0.85


def test_frechet_distance_grows_with_the_distance_of_means(draws: np.random.Generator) -> None:
    """Whatever the rest, by its square."""
    x, y = draws.normal(size=(100, 3)), draws.normal(size=(90, 3))
    y -= y[:, :1].mean() - x[:, :1].mean()
    near, far = (frechet(torch.tensor(x + np.array([step, 0, 0])), torch.tensor(y)) for step in (0, 3))
    assert far - near == pytest.approx(9)


# Kernel distance


def kernel(a: Array, b: Array) -> float:
    return (a @ b / len(a) + 1) ** 3


def discrepancy(x: Array, y: Array) -> float:
    """Unbiased squared maximum mean discrepancy, one pair at a time."""
    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j)
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j)
    across = sum(kernel(a, b) for a in x for b in y)
    return within_x / (n * (n - 1)) + within_y / (m * (m - 1)) - 2 * across / (n * m)


def test_kernel_distance_one_pair_at_a_time(draws: np.random.Generator) -> None:
    x, y = draws.normal(size=(37, 3)), 0.4 + 1.5 * draws.normal(size=(23, 3))
    found = measured("kernel_distance", x, y)
    assert found.value == pytest.approx(discrepancy(x, y))
    left = [discrepancy(*(z[np.arange(len(z)) % 10 != block] for z in (x, y))) for block in range(10)]
    assert found.error == pytest.approx(math.sqrt(9 / 10 * sum((each - np.mean(left)) ** 2 for each in left)))


def test_kernel_distance_has_no_bias_and_its_error_covers(draws: np.random.Generator) -> None:
    repeats = 40
    for shift in (0.0, 1.0):
        # With third moments of normal laws: E[(x'y / d + 1)^3] for means m and m', d = 4.
        true = sum(
            sign * (1 + 3 * inner + 3 * (inner**2 + (first + second) / 4 + 1 / 4) + inner**3 + third)
            for sign, inner, first, second, third in (
                (1, shift**2, shift**2, shift**2, cubic(shift, shift)),
                (1, 0, 0, 0, cubic(0, 0)),
                (-2, 0, shift**2, 0, cubic(shift, 0)),
            )
        )
        found = [
            measured("kernel_distance", draws.normal(size=(90, 4)) + shift, draws.normal(size=(70, 4)))
            for _ in range(repeats)
        ]
        values, errors = (np.array([getattr(each, name) for each in found]) for name in ("value", "error"))
        assert abs(values.mean() - true) < 3 * values.std(ddof=1) / math.sqrt(repeats)
        assert (np.abs(values - true) < 2 * errors).mean() > 0.85
        assert (values.min() < 0) == (shift == 0.0)


def cubic(shift: float, other: float) -> float:
    r"""$\mathbb E[(x^\top y / 4)^3] - (m^\top m' / 4)^3$ of normal x and y of four coordinates,
    whose means are the same in all of them.

    Given y, $x^\top y$ is normal of variance $|y|^2$: $\mathbb E[t^3] = \mu^3 + 3 \mu |y|^2$ with $\mu = m^\top y$.
    """
    mean, variance = 4 * shift * other, 4 * shift**2
    cube = mean**3 + 3 * mean * variance
    # E[m'y |y|^2] of y normal around m': each coordinate's third moment, and the others' second ones.
    product = 4 * shift * (other**3 + 3 * other + other * 3 * (1 + other**2))
    return (cube + 3 * product) / 64 - (mean / 4) ** 3


# Neighbours


def neighbours(x: Array, y: Array, nearest: int = 5) -> tuple[float, float, float, float]:
    """Precision, recall, density and coverage, one pair at a time."""

    def radius(of: Array, place: int) -> float:
        return sorted(np.linalg.norm(of[place] - other) for other in of)[nearest]

    around_y = [radius(y, place) for place in range(len(y))]
    around_x = [radius(x, place) for place in range(len(x))]
    precise = [any(np.linalg.norm(a - b) < reach for b, reach in zip(y, around_y, strict=True)) for a in x]
    recalled = [any(np.linalg.norm(a - b) < reach for a, reach in zip(x, around_x, strict=True)) for b in y]
    dense = sum(np.linalg.norm(a - b) < reach for b, reach in zip(y, around_y, strict=True) for a in x)
    covered = [min(np.linalg.norm(a - b) for a in x) < reach for b, reach in zip(y, around_y, strict=True)]
    return 100 * np.mean(precise), 100 * np.mean(recalled), dense / (nearest * len(x)), 100 * np.mean(covered)


@pytest.mark.parametrize("chunk", [1000, 7])
def test_neighbours_one_pair_at_a_time(draws: np.random.Generator, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaebench.evaluation.generation.CHUNK", chunk)
    x, y = 1 + draws.normal(size=(45, 2)), draws.normal(size=(60, 2))
    expected = neighbours(x, y)
    found = [measured(name, x, y) for name in ("precision", "recall", "density", "coverage")]
    assert found == pytest.approx(expected)
    assert all(0 < value < 100 for value in expected)


def test_neighbours_of_one_law_and_of_laws_apart(draws: np.random.Generator) -> None:
    x, y = draws.normal(size=(400, 3)), draws.normal(size=(400, 3))
    assert measured("density", x, y) == pytest.approx(1, abs=0.1)
    # That a ball of five of 399 neighbours is missed by 400 samples: Naeem et al. 2020, equation 8.
    expected = 100 * (1 - np.prod([(399 - place) / (799 - place) for place in range(5)]))
    assert measured("coverage", x, y) == pytest.approx(expected, abs=2)
    for name in ("precision", "recall"):
        assert measured(name, x, y) > 90
    for name in ("precision", "recall", "density", "coverage"):
        assert measured(name, x + 50, y) == 0


def test_a_collapsed_sampler_is_precise_and_recalls_nothing(draws: np.random.Generator) -> None:
    y = draws.normal(size=(200, 3))
    x = np.repeat(y[:1] + 1e-3, 100, 0)
    assert measured("precision", x, y) == 100
    assert measured("recall", x, y) == 0
    assert measured("coverage", x, y) < 10


# Pixels


def transport(x: Array, y: Array) -> float:
    """Squared Wasserstein distance of as many points (n, d), by assignment."""
    cost = ((x[:, None] - y[None]) ** 2).sum(-1)
    return cost[scipy.optimize.linear_sum_assignment(cost)].mean()


def test_sliced_wasserstein_in_one_dimension_is_an_assignment(draws: np.random.Generator) -> None:
    x, y = draws.normal(size=(50, 1)), draws.exponential(size=(50, 1))
    assert measured("sliced_wasserstein", x, y) == pytest.approx(math.sqrt(transport(x, y)))


def test_sliced_wasserstein_in_two_dimensions_is_a_mean_of_assignments(draws: np.random.Generator) -> None:
    x, y = draws.normal(size=(20, 2)) * [2, 0.5], draws.exponential(size=(20, 2))
    angles = np.pi * np.arange(90) / 90
    sliced = [transport(x @ way, y @ way) for way in np.stack((np.cos(angles), np.sin(angles)), 1)[:, :, None]]
    assert measured("sliced_wasserstein", x, y) == pytest.approx(math.sqrt(np.mean(sliced)), rel=0.04)
    assert max(sliced) > 2 * min(sliced)


def test_sliced_wasserstein_of_gaussians(draws: np.random.Generator) -> None:
    r"""Each projection is $(\theta^\top m)^2$ and squared differences of deviations: $|m|^2 / d + (s - s')^2$."""
    mean = np.array([3.0, 0, -2, 1, 1])
    x, y = draws.normal(size=(2, 1000, 5))
    assert measured("sliced_wasserstein", 2 * x + mean, y) == pytest.approx(math.sqrt(15 / 5 + 1), rel=0.08)
    assert measured("sliced_wasserstein", y + mean, y) == pytest.approx(math.sqrt(15 / 5), rel=0.08)
    assert measured("sliced_wasserstein", x, x) == 0
    assert sum(measured("sliced_wasserstein", y + axis, y) ** 2 for axis in np.eye(5)) == pytest.approx(1)


def test_sliced_wasserstein_of_other_counts_takes_evenly_spaced_images(draws: np.random.Generator) -> None:
    y = draws.normal(size=(30, 4))
    assert measured("sliced_wasserstein", y[::3], y) == 0
    assert measured("sliced_wasserstein", y, y[::3]) == 0


def test_memorisation(draws: np.random.Generator) -> None:
    train, test, fresh = draws.normal(size=(3, 600, 5))
    assert measured("memorisation", fresh, test, train) == pytest.approx(50, abs=6)
    assert measured("memorisation", train, test, train) == 100
    assert measured("memorisation", test, test, train) == 0
    half = np.concatenate((train[:300], fresh[:300]))
    assert measured("memorisation", half, test, train) == pytest.approx(75, abs=5)


def test_memorisation_takes_as_many_training_as_test_images(draws: np.random.Generator) -> None:
    train, test, fresh = draws.normal(size=(1500, 5)), draws.normal(size=(300, 5)), draws.normal(size=(1000, 5))
    assert measured("memorisation", fresh, test, train) == pytest.approx(50, abs=7)
    assert measured("memorisation", train[::5], test, train) == 100
    # A fifth of all training images is taken.
    assert measured("memorisation", train, test, train) == pytest.approx(20 + 80 / 2, abs=7)


# Classes


def test_label_divergence(draws: np.random.Generator) -> None:
    x, y = draws.normal(size=(40, 4)), draws.normal(size=(70, 4)) * 2
    p, q = (scipy.special.softmax(values, 1).mean(0) for values in (x, y))
    found = measured("label_divergence", x, y, judge=Plain(4))
    assert found == pytest.approx(scipy.stats.entropy(p, q))
    assert found > 1e-3
    assert measured("label_divergence", y, y, judge=Plain(4)) == 0


def test_label_divergence_of_classes_that_are_never_met() -> None:
    """One that no sample has counts for nothing, one that no test image has for everything."""
    two = np.repeat([[0.0, 0, -1e9], [0.0, -1e9, -1e9]], 10, 0)
    one = np.repeat([[0.0, -1e9, -1e9]], 20, 0)
    assert measured("label_divergence", one, two, judge=Plain(3)) == pytest.approx(math.log(4 / 3))
    generation = beside(two, one, judge=Plain(3))
    assert rows("label_divergence", generation) == {"label_divergence": (None, "the value is inf")}


# Missing values


def test_images_that_are_not_finite_have_no_value(draws: np.random.Generator) -> None:
    x, y = draws.normal(size=(2, 30, 4))
    x[3, 2] = np.nan
    for name in METRICS:
        found = Generation(Plain(4), images(x), images(y), images(y), [Plain()])
        assert set(rows(name, found).values()) == {(None, "its images are not finite")}


def test_too_few_images_have_no_features(draws: np.random.Generator) -> None:
    y = draws.normal(size=(30, 4))
    reason = "5 images are too few to judge: more than 5 are needed"
    for name in ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"):
        assert rows(name, beside(y[:5], y)) == {name: (None, reason)}
        assert rows(name, beside(y, y[:5])) == {name: (None, reason)}
        assert rows(name, beside(y[:6], y))[name][1] == ""


def test_data_without_classes_have_no_labels_to_diverge(draws: np.random.Generator) -> None:
    y = draws.normal(size=(30, 4))
    assert rows("label_divergence", beside(y, y)) == {"label_divergence": (None, "the data have no classes")}


# Other judges


def test_other_judges(draws: np.random.Generator) -> None:
    x, y = draws.normal(size=(80, 3)), 1 + draws.normal(size=(80, 3))
    generation = Generation(Plain(), images(x), images(y), images(y), [Plain(scale=2), Plain(scale=3)])
    own = measured("frechet_distance", x, y).value
    expected = {"other_judges_distance_2": (pytest.approx(4 * own), "")}
    expected["other_judges_distance_3"] = (pytest.approx(9 * own), "")
    assert rows("other_judges_distance", generation) == expected
    reason = "there is one judge alone"
    assert rows("other_judges_distance", beside(x, y)) == {"other_judges_distance": (None, reason)}
    other = generation.of(images(y))
    assert [each is same for each, same in zip(other.further, generation.further, strict=True)] == [True, True]
    assert rows("other_judges_distance", other)["other_judges_distance_2"][0] == pytest.approx(0, abs=1e-12)


def test_another_judge_that_is_none(draws: np.random.Generator) -> None:
    y = draws.normal(size=(30, 4))
    other = Plain()
    other.fault = "it is blind"
    found = Generation(Plain(), images(y), images(y), images(y), [Plain(), other])
    assert rows("other_judges_distance", found) == {"other_judges_distance": (None, "it is blind")}


# Digits, and a judge of them


@pytest.fixture(scope="module")
def digits() -> Data:
    return vaebench.dataset("digits")


@pytest.fixture(scope="module")
def judges(digits: Data) -> list[Judge]:
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for seed, steps in enumerate(STEPS):
            patch.setattr(judging, "STEPS", steps)
            found.append(judging.train(digits, epochs=1, seed=seed))
    return found


@pytest.fixture(scope="module")
def real(digits: Data, judges: Sequence[Judge]) -> Generation:
    train, test = scaled(digits.train.images), scaled(digits.test.images)
    return Generation(judges[0], test, test, train, judges[1:])


@pytest.fixture(scope="module")
def controls(digits: Data, real: Generation) -> dict[str, Generation]:
    """Samples of which it is known how good they are, 256 of each."""
    train = real.train.images
    taken = train[torch.arange(256) * len(train) // 256]
    noise = torch.rand(256, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    samples = {
        "training images": taken,
        "the training images taken": taken,
        "images of neither set, 50 %": scaled(digits.validation.images),
        "uniform noise": noise,
        "the mean image": train.mean(0, keepdim=True).expand(256, -1, -1, -1),
    }
    return {name: real.of(each) for name, each in samples.items()}


def better(name: str) -> Callable[[float], float]:
    return (
        (lambda value: value) if catalogue.declared("metrics", name)["better"] == "higher" else (lambda value: -value)
    )


@pytest.mark.parametrize("name", [name for name in METRICS if name != "memorisation"])
def test_controls_score_best_and_worst(controls: dict[str, Generation], name: str) -> None:
    """The worst are also worse than half of either."""
    declared = catalogue.declared("metrics", name)
    best, worst = (controls[declared[end]] for end in ("best", "worst"))
    halves = torch.cat((best.generated.images[::2], worst.generated.images[1::2]))
    scores = []
    for generation in (best, best.of(halves), worst):
        (found,) = rows(name, generation).values()
        assert found[0] is not None
        scores.append(better(name)(found[0]))
    assert min(scores[:2]) > scores[2]
    # A wider ball of each of fewer different samples reaches further.
    assert scores[0] > scores[1] or name == "recall"


@pytest.mark.parametrize("name", [name for name in METRICS if name != "memorisation"])
def test_images_that_no_judge_has_seen_score_nearly_best(controls: dict[str, Generation], name: str) -> None:
    declared = catalogue.declared("metrics", name)
    fresh, worst = (
        next(iter(rows(name, controls[each]).values()))[0]
        for each in ("images of neither set, 50 %", declared["worst"])
    )
    expected = {"density": 1, "precision": 97, "recall": 97, "coverage": 97}.get(name, 0)
    assert abs(fresh - expected) < 0.15 * abs(worst - expected)


def test_memorisation_of_controls(controls: dict[str, Generation], real: Generation) -> None:
    found = {name: rows("memorisation", each)["memorisation"][0] for name, each in controls.items()}
    declared = catalogue.declared("metrics", "memorisation")
    assert found[declared["best"]] == pytest.approx(50, abs=10)
    assert found[declared["worst"]] == 100
    assert rows("memorisation", real)["memorisation"][0] == 0


def test_features_are_of_all_images_whatever_the_chunks(
    judges: Sequence[Judge], digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = scaled(digits.test.images)
    whole = judges[0].features(test), judges[0].probabilities(test)
    monkeypatch.setattr(judging, "CHUNK", 100)
    parts = judges[0].features(test), judges[0].probabilities(test)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert whole[0].dtype == whole[1].dtype == torch.float64
    torch.testing.assert_close(whole[1].sum(1), torch.ones(256, dtype=torch.float64), rtol=0, atol=1e-6)


def test_a_judge_is_accurate(judges: Sequence[Judge], digits: Data) -> None:
    for judge, least in zip(judges, (0.95, 0.8), strict=True):
        right = judge.probabilities(scaled(digits.test.images)).argmax(1) == digits.test.labels
        assert judge.accuracy == pytest.approx(float(right.double().mean()))
        assert judge.accuracy > least and judge.fault == "" and judge.kind == "classifier"


@pytest.mark.skipif(not MIRROR.is_dir(), reason="no mirror of the public datasets on this machine")
@pytest.mark.parametrize("name", SOURCES)
def test_the_librarys_judge_of_a_public_dataset_is_accurate(name: str) -> None:
    """On the files as they are downloaded, read here byte by byte."""
    folder = MIRROR / SOURCES[name].folder
    images, labels = (gzip.decompress((folder / f"t10k-{file}-ubyte.gz").read_bytes()) for file in FILES)
    pixels = torch.frombuffer(bytearray(images[16:]), dtype=torch.uint8).reshape(-1, 1, 28, 28) / 255
    own = judging.own(name, 0)
    assert own is not None and (own.dataset, own.image, own.classes, own.fault) == (name, (1, 28, 28), 10, "")
    right = own.probabilities(pixels).argmax(1) == torch.frombuffer(bytearray(labels[8:]), dtype=torch.uint8)
    assert own.accuracy == pytest.approx(float(right.double().mean()), abs=2e-4)  # other processors round otherwise


def test_other_data_and_seeds_have_no_judge_in_the_library() -> None:
    assert judging.own("digits", 0) is None and judging.own("mnist", 7) is None


def test_a_judge_below_its_accuracy_is_none() -> None:
    assert Judge("digits", (1, 8, 8), 10, 0.8).fault == ""
    assert Judge("mnist", (1, 8, 8), 10, 0.992).fault == ""
    expected = "the judge of 'mnist' is 99.10% accurate, and should be 99.20%: more epochs"
    assert Judge("mnist", (1, 8, 8), 10, 0.991).fault == expected
    assert Judge("fashion_mnist", (1, 8, 8), 10, 0.9).fault.endswith("should be 92.00%: more epochs")
    assert Judge("digits", (1, 8, 8), 10, 0.79).fault.endswith("should be 80.00%: more epochs")


def test_a_judge_is_read_back_as_it_was(judges: Sequence[Judge], digits: Data, tmp_path: Path) -> None:
    judges[0].save(tmp_path / "judge.safetensors")
    again = judging.load(tmp_path / "judge.safetensors")
    test = scaled(digits.test.images)
    assert torch.equal(again.features(test), judges[0].features(test))
    assert torch.equal(again.probabilities(test), judges[0].probabilities(test))
    assert again.sha256 == judges[0].sha256 != judges[1].sha256
    facts = ("dataset", "image", "classes", "accuracy", "fault", "kind")
    assert [getattr(again, name) for name in facts] == [getattr(judges[0], name) for name in facts]
    (tmp_path / "judge.safetensors").write_bytes(b"nonsense")
    assert "delete it, and it is trained again" in fault(judging.load, tmp_path / "judge.safetensors")


def test_a_judge_is_a_function_of_data_and_seed(digits: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "STEPS", 8)
    state = torch.get_rng_state()
    first, again, other = (judging.train(digits, epochs=1, seed=seed).sha256 for seed in (3, 3, 4))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), state)
    fewer = dataclasses.replace(digits, train=Split(digits.train.images[:1000], digits.train.labels[:1000]))
    assert judging.train(fewer, epochs=1, seed=3).sha256 != first


def test_data_without_classes_are_judged_by_principal_components(digits: Data, tmp_path: Path) -> None:
    from sklearn.decomposition import PCA

    splits = {
        name: Split(getattr(digits, name).images, torch.zeros_like(getattr(digits, name).labels))
        for name in ("train", "validation", "test")
    }
    judge = judging.train(dataclasses.replace(digits, **splits), epochs=1, seed=0)
    assert (judge.kind, judge.classes, judge.accuracy, judge.fault) == ("principal components", 0, None, "")
    test = scaled(digits.test.images)
    theirs = PCA(20, svd_solver="full").fit(scaled(digits.train.images).flatten(1).double().numpy())
    projected = theirs.transform(test.flatten(1).double().numpy())
    found = judge.features(test).numpy()
    assert found.shape == (256, 64)
    np.testing.assert_allclose(np.abs(found[:, :20]), np.abs(projected), atol=1e-4)
    assert fault(judge.probabilities, test) == "the data have no classes"
    judge.save(tmp_path / "judge.safetensors")
    again = judging.load(tmp_path / "judge.safetensors")
    assert torch.equal(again.features(test), judge.features(test)) and again.sha256 == judge.sha256
    generation = Generation(judge, test, test, test)
    assert rows("label_divergence", generation) == {"label_divergence": (None, "the data have no classes")}
    # All 64 components of 64 pixels turn them: distances are those of the pixels.
    torch.testing.assert_close(
        torch.cdist(*2 * (judge.features(test[:50]),)),
        torch.cdist(*2 * (test[:50].flatten(1).double(),)),
        atol=1e-4,
        rtol=0,
    )


# What a judge's verdicts lie between


def test_a_card_of_a_judge(judges: Sequence[Judge], digits: Data, controls: dict[str, Generation]) -> None:
    card = reference.card(judges[0], digits)
    facts = {"kind": "classifier", "accuracy": judges[0].accuracy, "sha256": judges[0].sha256, "fault": ""}
    assert {name: card[name] for name in facts} == facts
    names = set(METRICS) - {"other_judges_distance"}
    assert set(card["floor"]) == set(card["noise"]) == names
    trained = {name: rows(name, controls["training images"])[name][0] for name in names}
    assert card["floor"] == pytest.approx(trained)
    for name in names - {"memorisation"}:
        assert better(name)(card["floor"][name]) > better(name)(card["noise"][name])


def test_a_card_of_a_judge_that_is_none(digits: Data) -> None:
    card = reference.card(Judge("digits", (1, 8, 8), 10, 0.5).eval(), digits)
    assert (card["floor"], card["noise"]) == ({}, {})
    assert card["fault"].startswith("the judge of 'digits' is 50.00% accurate")


def test_images_are_judged_once(judges: Sequence[Judge], digits: Data) -> None:
    """Test images are shared by all samples."""
    test = Images(judges[0], scaled(digits.test.images))
    first = Generation(judges[0], test.images, test, test)
    assert first.of(test.images).test is test and first.of(test.images).generated is not test
