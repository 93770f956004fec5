"""From stored values to what a model observes, by data convention.

``dynamic``: every pixel is a fresh Bernoulli draw at each visit while training, drawn once for validation and test;
``static``: drawn once for all splits; ``threshold``: 1 from 1/2 on (128 of 255); ``none``: the values as they are.
Values are bytes, of which 255 is white, or floats: in [0, 1], or, under ``none`` alone, any real numbers.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from vaebench import random

SEED = 0


def binarise(images: Tensor, stream: random.Stream) -> Tensor:
    """Bytes that are 255 with the probability that a pixel is worth, byte / 255 or its float, and 0 otherwise."""
    words = stream.words(images.shape)
    white = words < images.double() * 2**32 if images.is_floating_point() else (words * 255 >> 32) < images
    return white.to(torch.uint8) * 255


def fixed(images: Tensor, convention: str, split: str, chunk: int = 5000) -> Tensor:
    """The one observation of a split's grey images, black and white as bytes; the draws depend on its name alone.

    The training split of the dynamic convention stays grey: it is drawn anew at each visit. So does all under ``none``.
    """
    if convention == "threshold":
        return (images >= (0.5 if images.is_floating_point() else 128)).to(torch.uint8) * 255
    if convention == "none" or (convention, split) == ("dynamic", "train"):
        return images
    draw = torch.tensor(random.key(SEED, f"binarisation of {split}"), device=images.device)
    parts = (binarise(part, random.Stream(random.fold(draw, i))) for i, part in enumerate(images.split(chunk)))
    return torch.cat(list(parts))


def scaled(images: Tensor) -> Tensor:
    """Bytes as floats in [0, 1]; floats as they are, perhaps ``images`` itself: not to be written to."""
    values = images.to(torch.get_default_dtype())
    return values if images.is_floating_point() else values.div_(255)


def checksum(images: Tensor) -> str:
    """SHA-256 of an observation's bytes, to be stated beside the results."""
    return hashlib.sha256(images.cpu().contiguous().numpy().tobytes()).hexdigest()
