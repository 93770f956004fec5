r"""Maximum mean discrepancy of two samples. Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html, lemma 6.

Kernels are functions of the squared distance in units of $C = 2 b d$ with bandwidth $b$ and $d$ coordinates; at
$b = 1$, $C$ is the mean squared distance of two draws of $\mathcal N(0, 1)$.
"""

import torch
from torch import Tensor

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def imq(distance: Tensor) -> Tensor:
    r"""Inverse multiquadratics $\sum_s \frac{s}{s + r}$, as in the code of Tolstikhin et al. 2018."""
    return torch.stack([scale / (scale + distance) for scale in SCALES]).sum(0)


def rbf(distance: Tensor) -> Tensor:
    r"""$e^{-r}$."""
    return (-distance).exp()


KERNELS = {"imq": imq, "rbf": rbf}


def mmd(x: Tensor, y: Tensor, kernel: str = "imq", bandwidth: float = 1.0, unbiased: bool = True) -> Tensor:
    r"""$\mathbb E\,k(x, x') + \mathbb E\,k(y, y') - 2\,\mathbb E\,k(x, y)$ from as many draws of each, (count, d).

    ``unbiased`` takes the U-statistic, whose mean is 0 for two samples of one law, so that it can be negative; else,
    and for single draws, which have none, the V-statistic, which is the discrepancy of the samples themselves.
    """
    count, size = x.shape
    left, right = torch.stack((x, y, x)), torch.stack((x, y, y))
    square = left.square().sum(-1)[:, :, None] + right.square().sum(-1)[:, None] - 2 * left @ right.mT
    similarity = KERNELS[kernel](square.clamp_min(0) / (2 * bandwidth * size))
    xx, yy, xy = similarity.sum((-2, -1))
    if not unbiased or count == 1:
        return (xx + yy - 2 * xy) / count**2
    alone = similarity[:2].diagonal(dim1=-2, dim2=-1).sum()
    return (xx + yy - alone) / (count * (count - 1)) - 2 * xy / count**2
