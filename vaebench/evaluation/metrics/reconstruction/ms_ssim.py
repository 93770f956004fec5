"""Multi-scale structural similarity of reconstructions. Wang et al. 2003, https://doi.org/10.1109/ACSSC.2003.1292216.

At 28x28 pixels there are three scales, at 8x8 two.
"""

import torch
from torch import Tensor

from vaebench.evaluation.metric import metric
from vaebench.model.objectives.ssim import multiscale_ssim


@metric(unit="", better="higher", least=0, most=1, needs=("images",), best="copy", worst="mean", called="MS-SSIM")
def ms_ssim(subject) -> Tensor:
    """Of the decoder's mean and the grey image; mean over the test set."""
    pairs = zip(subject.reconstructions.split(1000), subject.grey.split(1000), strict=True)
    return torch.cat([multiscale_ssim(a, b) for a, b in pairs]).double()
