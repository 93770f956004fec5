"""Structural similarity of reconstructions."""

import torch
from torch import Tensor

from vaebench.evaluation.metric import metric
from vaebench.model.objectives.ssim import ssim as similarity


@metric(unit="", better="higher", most=1, needs=("images",), best="copy", worst="mean")
def ssim(subject) -> Tensor:
    """Mean structural similarity of the decoder's mean and the grey image; mean over the test set."""
    pairs = zip(subject.reconstructions.split(1000), subject.grey.split(1000), strict=True)
    return torch.cat([similarity(a, b) for a, b in pairs]).double()
