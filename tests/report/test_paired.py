"""Intervals of paired differences against closed forms, and how often they hold in a model whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from vaebench.report.paired import DRAWS, Difference, Found, over_images, over_seeds


def difference(values: np.ndarray) -> Difference:
    """Of values (seeds, images), all of them or NaN for the same images."""
    return Difference(np.nanmean(values, 1), values.mean(0))


def student(values: np.ndarray) -> tuple[float, float]:
    return stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))


def ends(found: Found) -> tuple[float, float]:
    return found.low, found.high


def test_over_images_alone_it_is_the_interval_of_a_mean() -> None:
    """Of two seeds, which do not tell how seeds vary, and of three that do not vary."""
    values = np.random.default_rng(1).normal(3, 2, 5000)
    error = values.std() / len(values) ** 0.5
    for seeds in (1, 2, 3):
        [found] = over_images([difference(np.tile(values, (seeds, 1)))])
        assert (found.n, found.images, found.mean, found.reason) == (seeds, 5000, pytest.approx(values.mean()), "")
        np.testing.assert_allclose(ends(found), values.mean() + 1.96 * error * np.array([-1, 1]), atol=0.1 * error)


def test_over_seeds_alone_it_is_students() -> None:
    by_seed = np.array([1.0, 1.5, 3.0, -0.5])
    [found] = over_images([difference(np.tile(by_seed[:, None], 100))])
    np.testing.assert_allclose(ends(found), student(by_seed), rtol=1e-3)
    np.testing.assert_allclose(ends(over_seeds(by_seed)), student(by_seed), rtol=1e-12)
    assert over_seeds(by_seed)[:3] == (4, 0, by_seed.mean())
    found = over_seeds(by_seed[:2])
    assert (found.n, found.mean, found.reason) == (2, 1.25, "fewer than 3 seeds") and np.isnan(ends(found)).all()


def test_the_resamples_are_of_skewed_values_as_they_are() -> None:
    """A percentile of means of a few exponential values, against as many means drawn anew from those."""
    values = np.random.default_rng(2).exponential(size=12)
    [found] = over_images([difference(values[None])])
    means = np.random.default_rng(3).choice(values, (200_000, 12)).mean(1)
    np.testing.assert_allclose(ends(found), np.quantile(means, (0.025, 0.975)), rtol=0.05)
    assert found.high - values.mean() > 1.1 * (values.mean() - found.low)


def test_equal_flavours_differ_by_nothing() -> None:
    [found] = over_images([difference(np.zeros((3, 50)))])
    assert found == (3, 50, 0.0, 0.0, 0.0, "")
    assert over_seeds(np.zeros(3)) == (3, 0, 0.0, 0.0, 0.0, "")


def test_images_that_one_of_both_lacks_are_left_out() -> None:
    random = np.random.default_rng(4)
    whole, part = random.normal(size=(2, 3, 40))
    part[:, ::2] = np.nan
    kept, alone = over_images([difference(whole), difference(part)]), over_images([difference(part[:, 1::2])])
    assert (kept[0].images, kept[1].images) == (40, 20)
    np.testing.assert_allclose(kept[1][2:5], alone[0][2:5], atol=0.15)
    part[:, 3:] = np.nan
    assert over_images([difference(part)])[0].reason == "fewer than 2 images have a value of both"


def test_the_mean_is_that_of_the_values_also_where_images_estimate_them_otherwise() -> None:
    """A value from all images with the help of a part of them keeps its difference; the part says how sure it is."""
    values = np.random.default_rng(5).normal(size=(3, 60))
    plain, shifted = over_images([difference(values), Difference(values.mean(1) + 7, values.mean(0))])
    np.testing.assert_allclose(np.array(shifted[2:5]) - 7, plain[2:5], atol=1e-12)


def test_what_is_found_depends_neither_on_the_others_nor_on_the_call() -> None:
    values = np.random.default_rng(6).normal(size=(5, 3, 300))
    together = over_images([difference(one) for one in values])
    assert together == over_images([difference(one) for one in values])
    for one, found in zip(values, together, strict=True):
        np.testing.assert_allclose(over_images([difference(one)])[0][2:5], found[2:5], atol=1e-6)


@pytest.mark.parametrize(
    ("seeds", "of_seeds", "of_images"), [(3, 0.2, 1.0), (3, 1.0, 1.0), (3, 0.02, 1.0), (10, 0.3, 2.0)]
)
def test_intervals_hold_as_often_as_they_say(seeds: int, of_seeds: float, of_images: float) -> None:
    """Crossed effects of seeds and of images and their interaction, all normal; the true mean is 0.

    Seeds resampled, of which there are three, would give intervals that hold 75 times in 100 where seeds decide.
    """
    random, images, repeats = np.random.default_rng(7), 60, 400
    held = 0
    for _ in range(repeats // 20):
        effects = random.normal(0, of_seeds, (20, seeds, 1)), random.normal(0, of_images, (20, 1, images))
        values = effects[0] + effects[1] + random.normal(0, 0.5, (20, seeds, images))
        held += sum(found.low <= 0 <= found.high for found in map(_alone, values))
    assert 0.92 <= held / repeats <= 0.99


def _alone(values: np.ndarray) -> Found:
    return over_images([difference(values)])[0]


def test_there_are_enough_draws_for_two_digits() -> None:
    """Percentiles of as many draws have an error of 3 % of the half-width (the density there is 0.0584)."""
    assert (0.025 * 0.975 / DRAWS) ** 0.5 / 0.0584 / 1.96 < 0.031
