"""Images of one shape each, of which every factor of variation is known.

As in dSprites (Matthey et al. 2017, https://github.com/google-deepmind/dsprites-dataset) there is one image of each
combination of shape, scale, orientation and position. No shape here is symmetric under a rotation, so that no two
combinations give the same image. The last two factors are those of the shape's centre, from the left and from the top.

Everything is computed in integers, cosines as whole numbers of 1 / `ONE`, so the bytes are the same on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vaebench.data.reading import Reading

FACTORS = {"shape": 3, "scale": 5, "orientation": 8, "x": 13, "y": 13}  # number of values
CATEGORICAL, CYCLIC = ("shape",), ("orientation",)  # the values of the others are in order
CLASSES = ("triangle", "heart", "semicircle")
SIDE, SAMPLES = 28, 4  # pixels, and samples across each of them
STEP = 4  # samples from one position to the next
ONE, HALF_ROOT = 1 << 15, 23170  # the unit of cosines, and 1 / sqrt(2) in it
COSINES = (ONE, HALF_ROOT, 0, -HALF_ROOT, -ONE, -HALF_ROOT, 0, HALF_ROOT)  # of the orientations, anticlockwise

Grid = NDArray[np.int64]


def shapes() -> Reading:
    """20,280 grey images of 28x28 pixels in the order of their factors; labels are the shapes.

    At scales 4/8 to 8/8 a shape lies in a circle of a radius of 4 to 8 pixels, orientations are eighths of a turn, and
    positions are a pixel apart. A pixel is the share of 16 samples in it that the shape covers.
    """
    images = np.empty((*FACTORS.values(), SIDE, SIDE), np.uint8)
    for shape, scale, orientation in np.ndindex(images.shape[:3]):
        images[shape, scale, orientation] = _moved(_mask(CLASSES[shape], 4 + scale, orientation))
    values = np.indices(tuple(FACTORS.values())).reshape(len(FACTORS), -1)
    factors = dict(zip(FACTORS, values, strict=True))
    return Reading(images.reshape(-1, 1, SIDE, SIDE), factors["shape"], classes=CLASSES, factors=factors)


def _mask(shape: str, scale: int, orientation: int) -> NDArray[np.bool_]:
    """Which samples the shape covers on a canvas in whose middle it lies, as wide as all positions need."""
    count = SAMPLES * SIDE + STEP * (FACTORS["x"] - 1)
    # In halves of a sample, so that the middle is 0 and each sample's own middle is odd.
    x = 2 * np.arange(count) + 1 - count
    y = -x[:, None]
    cosine, sine = COSINES[orientation], COSINES[orientation - 2]
    return _covers(shape, cosine * x + sine * y, cosine * y - sine * x, 2 * SAMPLES * scale * ONE)


def _covers(shape: str, u: Grid, v: Grid, r: int) -> NDArray[np.bool_]:
    """Whether an upright shape in a circle of radius ``r`` covers points ``u`` to the right and ``v`` up of its centre.

    The heart is a square that stands on a corner, and a disc on each of its upper sides.
    """
    match shape:
        case "triangle":
            return (4 * v >= -3 * r) & (14 * abs(u) <= 5 * (r - v))
        case "heart":
            return (3 * (abs(u) + abs(v)) <= 2 * r) | ((3 * abs(u) - r) ** 2 + (3 * v - r) ** 2 <= 2 * r**2)
        case _:
            return (8 * v >= -3 * r) & ((8 * u) ** 2 + (8 * v + 3 * r) ** 2 <= 49 * r**2)


def _moved(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Images (x, y, height, width) of the shape at all positions."""
    covered = sliding_window_view(mask, (SAMPLES, SAMPLES)).sum((2, 3))
    # The sample that each pixel (position, pixel) starts with: the shape moves right where the window moves left.
    starts = STEP * np.arange(FACTORS["x"])[::-1, None] + SAMPLES * np.arange(SIDE)
    counts = covered[starts[:, :, None], starts[:, None, None, :]]
    return ((255 * counts + SAMPLES**2 // 2) // SAMPLES**2).astype(np.uint8)
