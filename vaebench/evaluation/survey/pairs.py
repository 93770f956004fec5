"""Which test images stand for all."""

from __future__ import annotations

import torch
from torch import Tensor

from vaebench import random
from vaebench.errors import Missing


def evenly(count: int, of: int) -> Tensor:
    """``count`` numbers below ``of``, evenly spaced; all of them if there are no more."""
    count = min(count, of)
    return torch.arange(count) * of // count


def pairs(labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Numbers of ``count`` pairs of images, in turn of one class and of two where there are such pairs.

    A function of the labels (images,) alone, so that all runs on a dataset are compared on the same pairs. Raises
    `Missing` for a single image.
    """
    if len(labels) < 2:
        raise Missing("pairs need two test images, and there is one")
    order = random.permutation(torch.tensor(random.key(0, "pairs")), len(labels))
    first, second = order[torch.arange(count) % len(order)], []
    for number, one in enumerate(first.tolist()):
        others = order.roll(-number - 1)[:-1]
        alike = others[(labels[others] == labels[one]) == (number % 2 == 0)]
        left = alike if len(alike) else others
        second.append(int(left[number // len(order) % len(left)]))
    return first, torch.tensor(second)
