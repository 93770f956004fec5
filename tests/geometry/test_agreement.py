"""Agreement of distances across seeds, and clusters and classes from distances alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.neighbors import KNeighborsClassifier

from vaebench.geometry.agreement import (
    consistency,
    kendall_w,
    less_varied,
    mean_spearman,
    reliability,
    variances,
    variation,
)
from vaebench.geometry.neighbours import accuracy, k_medoids


def distances(seeds: int, pairs: int, noise: float = 0.5, decimals: int = 9) -> np.ndarray:
    generator = np.random.default_rng(seeds * pairs)
    truth = generator.gamma(3, size=pairs)
    return (truth * np.exp(noise * generator.normal(size=(seeds, pairs)))).round(decimals)


def between(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points, axis=-1)


# Agreement across seeds


def test_concordance_by_hand() -> None:
    # Ranks 1 2 3, 1 2 3, 2 1 3: sums 4, 5, 9 of mean 6, so S = 4 + 1 + 9 = 14 and W = 12 * 14 / (9 * 24).
    assert kendall_w([[1, 2, 3], [10, 20, 30], [5, 4, 6]]).value == pytest.approx(14 * 12 / (9 * 24))
    # Ranks 1 2.5 2.5 and 1 2 3: sums 2, 4.5, 5.5 of mean 4, so S = 6.5; ties take 2 (8 - 2) = 12 off 4 * 24.
    assert kendall_w([[1, 2, 2], [1, 2, 3]]).value == pytest.approx(12 * 6.5 / (96 - 12))
    assert kendall_w([[1, 2, 3, 4], [1, 2, 3, 4]]).value == pytest.approx(1)
    assert kendall_w([[1, 2, 3, 4], [4, 3, 2, 1]]).value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("decimals", [9, 0])
def test_concordance_is_friedmans_statistic_and_spearmans_mean(decimals: int) -> None:
    table = distances(5, 30, decimals=decimals)
    assert (len(np.unique(table[0])) < 30) == (decimals == 0)  # with and without ties
    friedman = stats.friedmanchisquare(*table.T).statistic
    w = kendall_w(table)
    assert w.reason == "" and w.value == pytest.approx(friedman / (5 * 29))
    correlations = [stats.spearmanr(*table[list(two)]).statistic for two in itertools.combinations(range(5), 2)]
    assert mean_spearman(table).value == pytest.approx(np.mean(correlations))
    if decimals:
        assert mean_spearman(table).value == pytest.approx((5 * w.value - 1) / 4)
    scaled = np.array([[1], [10], [3], [0.1], [7]]) * table**2
    assert kendall_w(scaled).value == pytest.approx(w.value)  # only the order counts


def test_missing_pairs_are_left_out() -> None:
    table = distances(4, 12)
    holes = table.copy()
    holes[0, 3], holes[2, 7] = np.inf, np.nan
    rest = np.delete(table, [3, 7], 1)
    for statistic in (kendall_w, mean_spearman):
        assert statistic(holes).value == pytest.approx(statistic(rest).value)
    for scale_free in (False, True):
        found = variation(holes, scale_free=scale_free)
        assert np.isnan(found[[3, 7]]).all()
        np.testing.assert_allclose(np.delete(found, [3, 7]), variation(rest, scale_free=scale_free))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (distances(1, 9), "1 seeds and 9 pairs"),
        (np.full((3, 9), np.inf), "3 seeds and 0 pairs"),
        (distances(3, 9)[:, :1], "3 seeds and 1 pairs"),
        ([[1, 2, 3], [0, 0, 0]], "equal for seeds [1]"),
    ],
)
def test_there_is_no_agreement_of_nothing(table: np.ndarray, words: str) -> None:
    for statistic in (kendall_w, mean_spearman):
        result = statistic(table)
        assert np.isnan(result.value) and words in result.reason


def test_variation_by_hand() -> None:
    table = [[1, 2, 3], [3, 6, 9]]
    np.testing.assert_allclose(variation(table), np.sqrt([2, 8, 18]) / [2, 4, 6])
    np.testing.assert_allclose(variation(table, scale_free=True), 0, atol=1e-12)  # the same up to scale
    assert np.isnan(variation([[1, 2]])).all()
    np.testing.assert_array_equal(np.isnan(variation([[0, 1], [0, 2]])), [True, False])
    assert np.isnan(variation([[0, 0], [1, 2]], scale_free=True)).all()
    assert np.isnan(variation(np.full((2, 2), np.inf), scale_free=True)).all()


def test_less_varied_is_the_paired_one_sided_t_test() -> None:
    first, second = variation(distances(6, 40, 0.3)), variation(distances(6, 40, 0.35))
    expected = stats.ttest_rel(first, second, alternative="less")
    result = less_varied(first, second)
    assert (result.value, result.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert less_varied(second, first).p == pytest.approx(1 - result.p)
    holes = np.append(first, [np.nan, 1]), np.append(second, [1, np.nan])
    assert less_varied(*holes).p == pytest.approx(result.p)
    assert "equal" in less_varied(first, first).reason
    assert "1 pairs" in less_varied(first[:1], second[:1]).reason


# Four judges (rows) of six targets: table 2 of Shrout & Fleiss 1979, whose ICC(2,1) is .29 and ICC(3,1) .71.
RATINGS = np.array([[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]])


def test_reliability_is_the_intraclass_correlation_of_shrout_and_fleiss() -> None:
    distances = np.exp(RATINGS)
    assert (reliability(distances).value, consistency(distances).value) == pytest.approx((0.2898, 0.7148), abs=5e-5)
    scaled = distances * np.exp(RATINGS.mean(1).max() - RATINGS.mean(1))[:, None]  # judges of one mean
    assert consistency(scaled).value == pytest.approx(consistency(distances).value)
    assert reliability(scaled).value == pytest.approx(consistency(scaled).value)
    opposed = np.exp([[1, 2, 3, 4], [4, 3, 2, 1]])
    assert reliability(opposed).value == consistency(opposed).value == 0


def test_a_distance_of_zero_is_left_out_of_reliability() -> None:
    holes = np.exp(np.append(RATINGS, RATINGS[:, :1], 1))
    holes[1, -1] = 0
    assert reliability(holes).value == pytest.approx(reliability(np.exp(RATINGS)).value)
    assert "4 seeds and 0 pairs" in consistency(np.zeros((4, 9))).reason


def test_variances_are_recovered() -> None:
    generator = np.random.default_rng(0)
    seed, pair, rest = (generator.normal(size=size) for size in ((60, 1), 600, (60, 600)))
    expected = pair.var(ddof=1), 0.25 * seed.var(ddof=1), 4
    assert variances(7 + pair + 0.5 * seed + 2 * rest) == pytest.approx(expected, rel=0.1)


# Clusters and classes


@pytest.mark.parametrize("clusters", [1, 2, 3])
def test_medoids_of_blobs_are_the_best(clusters: int) -> None:
    generator = np.random.default_rng(clusters)
    points = np.concatenate([generator.normal(3 * blob, 1, (6, 2)) for blob in range(clusters)])
    matrix = between(points)
    medoids, owners = k_medoids(matrix, clusters)
    cost = matrix[:, medoids].min(1).sum()
    best = min(matrix[:, list(some)].min(1).sum() for some in itertools.combinations(range(len(points)), clusters))
    assert cost == pytest.approx(best)
    np.testing.assert_array_equal(owners, matrix[:, medoids].argmin(1))
    assert (np.diff(medoids) > 0).all()


def test_no_swap_of_a_medoid_helps() -> None:
    matrix = between(np.random.default_rng(0).normal(size=(60, 2)))
    medoids, _ = k_medoids(matrix, 5)
    cost = matrix[:, medoids].min(1).sum()
    for leaves, joins in itertools.product(range(5), range(60)):
        swapped = [*np.delete(medoids, leaves), joins]
        assert matrix[:, swapped].min(1).sum() >= cost - 1e-9
    greedy: list[int] = []
    for _ in range(5):
        greedy.append(min(range(60), key=lambda one: matrix[:, [*greedy, one]].min(1).sum()))
    assert cost < matrix[:, greedy].min(1).sum()  # the swaps were of use


def test_medoids_do_not_span_islands() -> None:
    matrix = np.full((7, 7), np.inf)
    matrix[:4, :4], matrix[4:, 4:] = between(np.arange(4)[:, None]), between(np.arange(3)[:, None])
    medoids, owners = k_medoids(matrix, 2)
    assert medoids.tolist() in ([1, 5], [2, 5]) and owners.tolist() == [0] * 4 + [1] * 3
    medoids, owners = k_medoids(np.zeros((4, 4)), 2)  # all points coincide
    assert len(set(medoids)) == 2 and set(owners) == {0}


def test_accuracy_leaves_each_point_out() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(3, size=80)
    points = labels[:, None] + 0.7 * generator.normal(size=(80, 2))
    right = [
        KNeighborsClassifier(5).fit(np.delete(points, one, 0), np.delete(labels, one)).predict(points[[one]])[0]
        == label
        for one, label in enumerate(labels)
    ]
    found = accuracy(between(points), labels)
    assert found == np.mean(right) and 0.4 < found < 0.9


def test_accuracy_without_paths() -> None:
    matrix = np.full((5, 5), np.inf)
    matrix[:2, :2] = matrix[2:4, 2:4] = 1
    np.fill_diagonal(matrix, 0)
    # Two neighbours of one class, two of different classes, and one point without a path: two of five are right.
    assert accuracy(matrix, np.array(["b", "b", "b", "a", "a"]), 3) == pytest.approx(2 / 5)
