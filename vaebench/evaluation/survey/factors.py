"""Distances in the factors of variation of images, which those of codes are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaebench.data.shapes import CATEGORICAL, CYCLIC, FACTORS
from vaebench.errors import Missing

if TYPE_CHECKING:
    from vaebench.evaluation.survey.distances import Distances


def of_pairs(distances: Distances) -> Tensor:
    """Of the pairs of test images that these are distances of, (pairs,); raises `Missing`."""
    factors = distances.survey.test.factors
    if factors is None:
        raise Missing("the data have no factors")
    if factors.shape[1] != len(FACTORS):
        raise Missing("which of its factors are categorical or cyclic is not known")
    first, second = distances.survey.pairs
    return distance(factors[first], factors[second])


def distance(first: Tensor, second: Tensor) -> Tensor:
    """Of images with such factors of `vaebench.data.shapes`, int64 (images, factors): float64 (images,).

    The root of the summed squares of the differences in each factor, over the largest that there is: in categorical
    ones 0 or 1 (after Gower 1971, https://doi.org/10.2307/2528823), in cyclic ones by the shorter way around.
    """
    gaps = (first - second).abs().double()
    for gap, (name, count) in zip(gaps.T, FACTORS.items(), strict=True):
        if name in CATEGORICAL:
            gap.clamp_(max=1)
        elif name in CYCLIC:
            gap.copy_(torch.minimum(gap, count - gap) / (count // 2))
        else:
            gap.div_(count - 1)
    return gaps.norm(dim=1)
