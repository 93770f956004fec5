"""Structural similarity of reconstructions."""

import torch

from ..metric import metric
from ..ssim import ssim as similarity


@metric(unit="", better="higher", table="reconstruction")
def ssim(evaluation) -> float:
    """Mean structural similarity of the decoder's mean and the grey image; mean over the test set."""
    pairs = zip(evaluation.reconstructions.split(1000), evaluation.grey.split(1000), strict=True)
    return float(torch.cat([similarity(a, b) for a, b in pairs]).double().mean())
