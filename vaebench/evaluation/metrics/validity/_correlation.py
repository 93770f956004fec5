"""Rank correlations of the distances of pairs with what is true of the pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from vaebench.errors import Missing

if TYPE_CHECKING:
    from vaebench.evaluation.survey.distances import Distances

Truth = Callable[["Distances"], Tensor]  # (pairs,)
NOTHING = 1e-9  # share of a variance that is but rounding


def spearman(distances: Distances, truth: Truth) -> float:
    """Spearman's correlation with the truth, of the pairs that have a distance. Raises `Missing`."""
    return float(_correlations(distances.values, truth(distances))[0, 1])


def partial_spearman(distances: Distances, truth: Truth) -> float:
    """Likewise, of what is left of the ranks of both where those of the distances of pixels are regressed out."""
    values, pixel = distances.values, distances.survey.parts["pixel pairs"]
    if distances is pixel:
        raise Missing("it is the distance of pixels itself")
    found = _correlations(values, truth(distances), pixel.values)
    left = 1 - found[2, :2] ** 2
    if left.min() < NOTHING:
        raise Missing("the order of the distances of pixels leaves nothing to correlate")
    return float((found[0, 1] - found[0, 2] * found[1, 2]) / left.prod() ** 0.5)


def _correlations(*quantities: Tensor) -> np.ndarray:
    """Of the ranks of quantities (pairs,), a matrix."""
    values = torch.stack([quantity.cpu().double() for quantity in quantities])
    values = values[:, values.isfinite().all(0)]
    if values.shape[1] <= len(values):
        raise Missing(f"{values.shape[1]} pairs have a distance: {len(values) + 1} are needed")
    if (values == values[:, :1]).all(1).any():
        raise Missing("all pairs are equally far apart")
    return np.corrcoef(rankdata(values.numpy(), axis=1))
