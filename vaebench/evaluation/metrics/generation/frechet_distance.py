"""Frechet distance of the features of samples and test images. Heusel et al. 2017, https://arxiv.org/abs/1706.08500,
equation 6; here without its bias, as Chong & Forsyth 2020, https://arxiv.org/abs/1911.07023.
"""

import torch
from torch import Tensor

from vaebench.evaluation.metric import Estimate, metric

BLOCKS = 10


@metric(unit="", better="lower", best="training images", worst="uniform noise", called="Fréchet distance")
def frechet_distance(generation) -> Estimate:
    r"""$|m - m'|^2 + \mathrm{tr}(C + C' - 2 (C C')^{1/2})$ of means and covariances of the judge's features.

    Its bias falls as $1/n$: twice the distance of all images less the mean distance of halves of them has none of that
    order, and may be below 0 where the two laws are one. The error is the jackknife's over ten blocks of the images.
    """
    x, y = generation.generated.features, generation.test.features
    left = [frechet(_without(x, block), _without(y, block)) for block in range(BLOCKS)]
    deviations = torch.tensor(left, dtype=torch.float64).var(correction=0)
    return Estimate(unbiased(x, y), float(((BLOCKS - 1) * deviations).sqrt()))


def unbiased(x: Tensor, y: Tensor) -> float:
    """Of features (n, features) and (m, features), float64, without the bias of order 1/n."""
    halves = sum(frechet(x[part::2], y[part::2]) for part in range(2)) / 2
    return 2 * frechet(x, y) - halves


def frechet(x: Tensor, y: Tensor) -> float:
    """Of features (n, features) and (m, features), float64."""
    mean = (x.mean(0) - y.mean(0)).square().sum()
    a, b = torch.atleast_2d(x.T.cov()), torch.atleast_2d(y.T.cov())
    values, vectors = torch.linalg.eigh(a)
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ b @ root).clamp_min(0).sqrt().sum()
    return float(mean + a.trace() + b.trace() - 2 * cross)


def _without(values: Tensor, block: int) -> Tensor:
    """All but each tenth of the rows."""
    return values[torch.arange(len(values), device=values.device) % BLOCKS != block]
