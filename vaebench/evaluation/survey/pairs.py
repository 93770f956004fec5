"""Pairs of test images."""

from __future__ import annotations

import torch
from torch import Tensor

from vaebench import random
from vaebench.errors import Missing


def available(count: int, images: int) -> int:
    """``count``, or as many pairs as there are of so many images."""
    return min(count, images * (images - 1) // 2)


def pairs(labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Numbers of ``count`` different pairs of images, or of all there are: in turn of one class and of two where the
    image whose turn it is has such a pair left.

    A function of the labels (images,) alone, so that all runs on a dataset are compared on the same pairs. Raises
    `Missing` for a single image.
    """
    if len(labels) < 2:
        raise Missing("pairs need two test images, and there is one")
    order = random.permutation(torch.tensor(random.key(0, "pairs")), len(labels))
    partners: list[list[int]] = [[] for _ in labels]
    found: list[tuple[int, int]] = []
    turn = 0
    while len(found) < available(count, len(labels)):
        one = int(order[turn % len(order)])
        others = order.roll(-turn - 1)[:-1]
        others = others[~torch.isin(others, torch.tensor(partners[one], dtype=torch.int64))]
        alike = others[(labels[others] == labels[one]) == (len(found) % 2 == 0)]
        for other in (alike if len(alike) else others)[:1].tolist():
            found.append((one, other))
            partners[one].append(other)
            partners[other].append(one)
        turn += 1
    first, second = torch.tensor(found).T
    return first, second
