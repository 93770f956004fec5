"""What the metrics of images that share a factor share."""

from __future__ import annotations

import numpy as np

TRAINING, TEST = 10_000, 5_000  # examples of a classifier, as many as in Locatello et al. 2019


def sharing(values: np.ndarray, groups: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """Numbers (groups, size) of images whose factor has ``values`` (images,), of one value in each group.

    The value is that of an image that is drawn, and the group is drawn from all images of it, with replacement.
    """
    order = np.argsort(values, kind="stable")
    chosen = values[generator.integers(len(values), size=(groups, 1))]
    first, last = (np.searchsorted(values[order], chosen, side) for side in ("left", "right"))
    return order[generator.integers(first, last, size=(groups, size))]
