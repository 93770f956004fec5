"""Pairs of test images."""

from __future__ import annotations

import torch
from torch import Tensor

from vaebench import random
from vaebench.errors import Missing


def available(count: int, images: int) -> int:
    """``count``, or as many pairs as so many images make."""
    return min(count, images // 2)


def pairs(labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Numbers of ``count`` pairs of images, or of as many as there are, in turn of one class and of two where the image
    whose turn it is still finds such a partner.

    No two pairs share an image, so that they can be taken as independent. A function of the labels (images,) alone, so
    that all runs on a dataset are compared on the same pairs. Raises `Missing` for a single image.
    """
    if len(labels) < 2:
        raise Missing("pairs need two test images, and there is one")
    left = random.permutation(torch.tensor(random.key(0, "pairs")), len(labels)).tolist()
    classes = labels.tolist()
    found: list[tuple[int, int]] = []
    while len(found) < available(count, len(labels)):
        one, same = left.pop(0), len(found) % 2 == 0
        other = next((image for image in left if (classes[image] == classes[one]) == same), left[0])
        left.remove(other)
        found.append((one, other))
    first, second = torch.tensor(found).T
    return first, second
