"""Images side by side as one image."""

from __future__ import annotations

import io
import math

import matplotlib.image
import numpy as np


def tile(images: np.ndarray, columns: int) -> np.ndarray:
    """Images (n, channels, height, width) in [0, 1], grey or RGB, as one RGB image (rows, columns, 3) on white.

    Pixels that are no number are mid-grey.
    """
    count, _, height, width = images.shape
    rows, gap = math.ceil(count / columns), max(1, height // 16)
    sheet = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap, 3))
    for i, image in enumerate(np.clip(np.nan_to_num(images, nan=0.5), 0, 1)):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        sheet[y : y + height, x : x + width] = np.moveaxis(image, 0, -1)
    return sheet


def picture(images: np.ndarray, columns: int) -> bytes:
    """The same as a PNG file, four dots a pixel."""
    file = io.BytesIO()
    sheet = tile(images, columns).repeat(4, 0).repeat(4, 1)
    matplotlib.image.imsave(file, sheet, format="png", metadata={"Software": "vaebench"})
    return file.getvalue()


def columns(count: int) -> int:
    """Columns of a block of ``count`` images: near a square, and without a ragged last row where there is a way."""
    root = math.ceil(math.sqrt(count))
    return next((n for n in range(root, 2 * root + 1) if count % n == 0), root)
