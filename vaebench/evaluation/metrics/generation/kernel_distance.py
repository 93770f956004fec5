"""Kernel distance of the features of samples and test images. Binkowski et al. 2018, https://arxiv.org/abs/1801.01401,
section 4.
"""

import torch
from torch import Tensor

from vaebench.evaluation.metric import Estimate, metric

BLOCKS = 10


@metric(unit="", better="lower", best="training images", worst="uniform noise")
def kernel_distance(generation) -> Estimate:
    r"""Unbiased squared maximum mean discrepancy under $(x^\top y / d + 1)^3$ of the judge's $d$ features.

    It may be below 0 where the two laws are one. The error is the jackknife's over ten blocks of the images.
    """
    x, y = (images.features / images.features.shape[1] ** 0.5 for images in (generation.generated, generation.test))
    xx, yy, xy = _sums(x, x), _sums(y, y), _sums(x, y)
    value = _distance(xx, yy, xy, _counts(x), _counts(y))
    rest = [[other for other in range(BLOCKS) if other != block] for block in range(BLOCKS)]
    n, m = _counts(x), _counts(y)
    left = [_distance(xx[b][:, b], yy[b][:, b], xy[b][:, b], n[b], m[b]) for b in rest]
    deviations = torch.tensor(left, dtype=torch.float64).var(correction=0)
    return Estimate(value, float(((BLOCKS - 1) * deviations).sqrt()))


def _distance(xx: Tensor, yy: Tensor, xy: Tensor, n: Tensor, m: Tensor) -> float:
    """From sums of the kernel over pairs of different images, by block, and how many images a block has."""
    n, m = n.sum(), m.sum()
    return float(xx.sum() / (n * (n - 1)) + yy.sum() / (m * (m - 1)) - 2 * xy.sum() / (n * m))


def _counts(x: Tensor) -> Tensor:
    return torch.tensor([len(x[block::BLOCKS]) for block in range(BLOCKS)], dtype=torch.float64)


def _sums(x: Tensor, y: Tensor) -> Tensor:
    """Sums of the kernel over pairs, of a row with itself left out, by block of the rows: (blocks, blocks)."""
    sums = torch.zeros(BLOCKS, BLOCKS, dtype=torch.float64)
    for i in range(BLOCKS):
        for j in range(BLOCKS):
            kernel = (x[i::BLOCKS] @ y[j::BLOCKS].T + 1) ** 3
            sums[i, j] = kernel.sum() - (kernel.diagonal().sum() if x is y and i == j else 0)
    return sums
