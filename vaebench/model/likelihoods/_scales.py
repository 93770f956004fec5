"""Where learned scales start: a scale far above what images vary by makes them cheap, and every latent dear."""

import torch
from torch import Tensor

LEAST = 1e-3  # what softplus makes at a start, so that its slope is never 0


def spread(images: Tensor) -> Tensor:
    """Standard deviation of a pixel over images (n, channels, height, width), root mean square over pixels: ()."""
    return images.var(0, correction=0).mean().sqrt()


def inverse_softplus(value: Tensor) -> Tensor:
    """What softplus makes ``value``, or `LEAST` where that is more."""
    value = value.clamp_min(LEAST)
    return value + (-torch.expm1(-value)).log()
