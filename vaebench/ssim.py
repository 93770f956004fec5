"""Structural similarity. Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861, section III."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW, SIGMA = 11, 1.5
STABILISERS = 0.01**2, 0.03**2


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of images in [0, 1], (batch, channels, height, width) to (batch,).

    Gaussian windows of 11 pixels and standard deviation 1.5 (the largest odd size that fits, in smaller images), placed
    wholly inside the image; population moments.
    """
    side = min(WINDOW, *a.shape[-2:])
    side -= 1 - side % 2
    offsets = torch.arange(side, dtype=a.dtype, device=a.device) - side // 2
    weights = (-0.5 * (offsets / SIGMA).square()).exp()
    window = torch.outer(weights, weights) / weights.sum().square()

    def blur(image: Tensor) -> Tensor:
        return F.conv2d(image.flatten(0, 1)[:, None], window[None, None]).unflatten(0, image.shape[:2])

    mean_a, mean_b = blur(a), blur(b)
    variance_a, variance_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + STABILISERS[0]) / (mean_a**2 + mean_b**2 + STABILISERS[0])
    structure = (2 * covariance + STABILISERS[1]) / (variance_a + variance_b + STABILISERS[1])
    return (luminance * structure).flatten(1).mean(1)
