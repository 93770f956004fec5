"""Structural similarity, at one scale and at several.

Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, section III; Wang, Simoncelli & Bovik 2003,
https://doi.org/10.1109/ACSSC.2003.1292216, equation 7.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, SIGMA = 11, 1.5
STABILISERS = 0.01**2, 0.03**2
EXPONENTS = 0.0448, 0.2856, 0.3001, 0.2363, 0.1333  # from the finest scale to the coarsest
SMALLEST = 4  # pixels of the shorter side at the coarsest scale
FLOOR = 1e-3  # of a scale's similarity, which may be negative, so that its power has a finite slope


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of images in [0, 1], (batch, channels, height, width) to (batch,).

    Gaussian windows of 11 pixels and standard deviation 1.5 (the largest odd size that fits, in smaller images), placed
    wholly inside the image; population moments.
    """
    luminance, structure = _maps(a, b)
    return (luminance * structure).flatten(1).mean(1)


def multiscale_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Multi-scale structural similarity of images in [0, 1], (batch, channels, height, width) to (batch,).

    Up to five scales, each half the one before, as long as the shorter side keeps 4 pixels: three at 28 x 28, two at
    8 x 8. The published exponents of these scales are divided by their sum; windows are those of `ssim`.
    """
    count = min(len(EXPONENTS), max(1, (min(a.shape[-2:]) // SMALLEST).bit_length()))
    similarity = torch.ones_like(a[:, 0, 0, 0])
    for scale in range(count):
        luminance, structure = _maps(a, b)
        last = scale == count - 1
        mean = (luminance * structure if last else structure).flatten(1).mean(1)
        similarity = similarity * mean.clamp_min(FLOOR) ** (EXPONENTS[scale] / sum(EXPONENTS[:count]))
        if not last:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return similarity


def _maps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast times structure, under every window: (batch, channels, rows, columns) both."""
    side = min(WINDOW, *a.shape[-2:])
    side -= 1 - side % 2
    vertical, horizontal = (_windows(size, side, a) for size in a.shape[-2:])
    # Sums under a separable window are two products with banded matrices, faster than a convolution at these sizes.
    moments = vertical @ torch.stack((a, b, a * a + b * b, a * b)) @ horizontal.T
    mean_a, mean_b, squares, product = moments
    means, cross = mean_a**2 + mean_b**2, mean_a * mean_b
    luminance = (2 * cross + STABILISERS[0]) / (means + STABILISERS[0])
    structure = (2 * (product - cross) + STABILISERS[1]) / (squares - means + STABILISERS[1])
    return luminance, structure


def _windows(size: int, side: int, like: Tensor) -> Tensor:
    """The normalised Gaussian window at every place inside ``size`` pixels: (size - side + 1, size)."""
    offsets = torch.arange(side, dtype=like.dtype, device=like.device) - side // 2
    window = (-0.5 * (offsets / SIGMA).square()).exp()
    places = torch.arange(size, device=like.device) - torch.arange(size - side + 1, device=like.device)[:, None]
    return torch.where((places >= 0) & (places < side), (window / window.sum())[places.clamp(0, side - 1)], 0)
