r"""Intervals of paired differences: of the same seeds on the same test images.

The interval of a mean over seeds and images takes both as drawn at random (crossed, as in the pigeonhole bootstrap of
Owen 2007, https://arxiv.org/abs/0712.1111). Images are resampled. Three seeds resampled would give intervals that hold
75 times in 100: their share is drawn from Student's distribution of their mean instead. So the interval is Student's
where images do not matter, and the percentile bootstrap's where seeds do not. Fewer than `FEWEST` seeds do not tell how
seeds vary: then it is that over images alone, of these runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from vaebench.report.summary import FEWEST, half_width

DRAWS = 2000
LEVEL = (0.025, 0.975)
CHUNK = 2**22  # how often images are counted at a time: places of draws x images

Array = np.ndarray


class Found(NamedTuple):
    """A mean difference over ``n`` seeds and ``images`` (0: it is no mean over images), its interval, or why none."""

    n: int = 0
    images: int = 0
    mean: float = np.nan
    low: float = np.nan
    high: float = np.nan
    reason: str = ""


class Difference(NamedTuple):
    """Of two flavours' values: by seed (seeds,), and by image (images,) as means over seeds, NaN where one is lacking.

    The values are means over images, or the best estimates of them from a part of the images.
    """

    by_seed: Array
    by_image: Array


def over_seeds(by_seed: Array) -> Found:
    """What differences (seeds,) of numbers that are no means over images say."""
    n, mean = len(by_seed), float(by_seed.mean())
    if n < FEWEST:
        return Found(n, 0, mean, reason=f"fewer than {FEWEST} seeds")
    half = float(half_width(by_seed[None])[0])
    return Found(n, 0, mean, mean - half, mean + half)


def over_images(differences: Sequence[Difference]) -> list[Found]:
    """What each of some differences on the same images says; all are told from the same resamples of them."""
    by_image = np.stack([difference.by_image for difference in differences], 1)
    given = np.isfinite(by_image)
    images = given.sum(0)
    centre = np.where(given, by_image, 0).sum(0) / np.maximum(images, 1)
    around = np.where(given, by_image - centre, 0).astype(np.float32)
    random = np.random.default_rng(0)
    order = random.permutation(DRAWS)
    parts = [(weights @ around, weights @ given.astype(np.float32)) for weights in _weights(len(by_image), random)]
    sums, counts = (np.concatenate(part).astype(float) for part in zip(*parts, strict=True))
    with np.errstate(invalid="ignore"):
        errors = sums / counts
    found = []
    for place, difference in enumerate(differences):
        n, mean = len(difference.by_seed), float(difference.by_seed.mean())
        if images[place] < 2:
            found.append(Found(n, int(images[place]), mean, reason="fewer than 2 images have a value of both"))
            continue
        drawn = errors[:, place]
        if n >= FEWEST:
            drawn = drawn + _of_seeds(difference.by_seed)[order]
        low, high = mean + np.nanquantile(drawn, LEVEL, method="hazen")
        found.append(Found(n, int(images[place]), mean, float(low), float(high)))
    return found


def _weights(images: int, random: np.random.Generator) -> Iterator[Array]:
    """How often each image is drawn in each of `DRAWS` draws with replacement, in parts (draws, images)."""
    most = max(1, CHUNK // images)
    for start in range(0, DRAWS, most):
        draws = min(most, DRAWS - start)
        drawn = random.integers(0, images, (draws, images)) + images * np.arange(draws)[:, None]
        yield np.bincount(drawn.ravel(), minlength=draws * images).reshape(draws, images).astype(np.float32)


def _of_seeds(values: Array) -> Array:
    """Errors of the mean of seeds' values (n,), as evenly spaced quantiles of their distribution, (draws,)."""
    from scipy import special

    n = len(values)
    error = values.std(ddof=1) / n**0.5 if np.ptp(values) else 0.0
    return error * special.stdtrit(n - 1, (np.arange(DRAWS) + 0.5) / DRAWS)
