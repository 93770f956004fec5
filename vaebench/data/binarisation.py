"""From grey bytes to what a model observes, by data convention.

``dynamic``: every pixel is a fresh Bernoulli draw at each visit while training, drawn once for validation and test;
``static``: drawn once for all splits; ``threshold``: 1 from 128 on; ``none``: grey values in [0, 1].
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from vaebench import random

SEED = 0


def binarise(images: Tensor, stream: random.Stream) -> Tensor:
    """Bytes that are 255 with probability byte / 255 and 0 otherwise, same shape as ``images`` (uint8)."""
    return ((stream.words(images.shape) * 255 >> 32) < images).to(torch.uint8) * 255


def fixed(images: Tensor, convention: str, split: str, chunk: int = 5000) -> Tensor:
    """The one observation (uint8) of a split's grey images; the draws depend on the split's name alone.

    The training split of the dynamic convention stays grey: it is drawn anew at each visit.
    """
    if convention == "threshold":
        return (images >= 128).to(torch.uint8) * 255
    if convention == "none" or (convention, split) == ("dynamic", "train"):
        return images
    draw = torch.tensor(random.key(SEED, f"binarisation of {split}"), device=images.device)
    parts = (binarise(part, random.Stream(random.fold(draw, i))) for i, part in enumerate(images.split(chunk)))
    return torch.cat(list(parts))


def scaled(images: Tensor) -> Tensor:
    """Bytes as floats in [0, 1]."""
    return images.to(torch.get_default_dtype()).div_(255)


def checksum(images: Tensor) -> str:
    """SHA-256 of an observation's bytes, to be stated beside the results."""
    return hashlib.sha256(images.cpu().contiguous().numpy().tobytes()).hexdigest()
