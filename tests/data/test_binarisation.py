from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
import torch

from vaebench import random
from vaebench.data.binarisation import binarise, checksum, fixed, scaled

GREY = torch.arange(256, dtype=torch.uint8).view(4, 1, 8, 8)


def stream(seed: int = 0) -> random.Stream:
    return random.Stream(torch.tensor(random.key(seed, "test")))


@pytest.mark.parametrize("byte", [0, 1, 64, 128, 200, 254, 255])
def test_a_pixel_is_white_with_probability_byte_over_255(byte: int) -> None:
    count = 300_000
    drawn = binarise(torch.full((3, 1, 10, count // 30), byte, dtype=torch.uint8), stream())
    assert drawn.dtype == torch.uint8
    assert set(drawn.unique().tolist()) <= {0, 255}
    probability = byte / 255
    share = (drawn == 255).double().mean().item()
    # Exact at the ends, where the deviation is 0.
    assert abs(share - probability) <= 5 * math.sqrt(probability * (1 - probability) / count)


def test_binarisation_compares_each_pixel_with_its_own_word() -> None:
    words = stream().words(GREY.shape)
    limits = words * 255 // 2**32
    assert torch.equal(binarise(GREY, stream()), torch.where(limits < GREY, 255, 0).to(torch.uint8))


def test_pixels_are_drawn_independently() -> None:
    grey = torch.full((20_000, 1, 2, 3), 128, dtype=torch.uint8)
    correlation = torch.corrcoef(binarise(grey, stream()).flatten(1).double().T).fill_diagonal_(0)
    assert correlation.abs().max() < 4.5 / math.sqrt(20_000)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_conventions(split: str) -> None:
    assert torch.equal(fixed(GREY, "none", split), GREY)
    expected = torch.where(GREY >= 128, 255, 0).to(torch.uint8)
    assert torch.equal(fixed(GREY, "threshold", split), expected)
    drawn = fixed(GREY, "static", split)
    assert set(drawn.unique().tolist()) == {0, 255}
    assert torch.equal(fixed(GREY, "dynamic", split), GREY if split == "train" else drawn)


def test_the_draw_of_a_split_is_fixed_and_its_own() -> None:
    grey = torch.full((40, 1, 8, 8), 128, dtype=torch.uint8)
    first = fixed(grey, "dynamic", "test")
    with torch.random.fork_rng(devices=[]), random.stream(torch.tensor(7)):
        torch.manual_seed(99)
        fixed(GREY, "static", "train")
        assert torch.equal(fixed(grey, "dynamic", "test"), first)
    assert torch.equal(fixed(grey, "static", "test"), first)
    assert not torch.equal(fixed(grey, "static", "validation"), first)
    assert not torch.equal(fixed(grey, "static", "train"), first)


def test_the_test_draw_has_not_changed() -> None:
    """Published numbers rest on these very pixels."""
    drawn = fixed(torch.full((2, 1, 4, 4), 128, dtype=torch.uint8), "dynamic", "test")
    rows = ["".join("01"[pixel > 0] for pixel in image) for image in drawn.flatten(1).tolist()]
    assert rows == ["1111010001000101", "0101101111111110"]


def test_chunks_draw_different_noise() -> None:
    grey = torch.full((6, 1, 8, 8), 128, dtype=torch.uint8)
    drawn = fixed(grey, "static", "test", chunk=2)
    parts = [drawn[start : start + 2] for start in (0, 2, 4)]
    assert torch.equal(parts[0], fixed(grey[:2], "static", "test"))
    assert not torch.equal(parts[0], parts[1])
    assert not torch.equal(parts[1], parts[2])


def test_scaled_bytes_are_fractions_and_leave_the_images_alone(float64: None) -> None:
    before = GREY.clone()
    np.testing.assert_array_equal(scaled(GREY), np.arange(256).reshape(4, 1, 8, 8) / 255)
    assert torch.equal(GREY, before)


def test_checksum_is_of_the_bytes() -> None:
    assert checksum(GREY) == hashlib.sha256(bytes(range(256))).hexdigest()
    assert checksum(GREY.transpose(0, 2).transpose(0, 2)) == checksum(GREY)
    flipped = GREY.clone()
    flipped[3, 0, 0, 0] ^= 1
    assert checksum(flipped) != checksum(GREY)


# Floats


@pytest.mark.parametrize("value", [0.0, 2.0**-20, 0.001, 0.3, 1 - 2.0**-20, 1.0])
def test_a_float_is_its_own_probability(value: float) -> None:
    count = 300_000
    drawn = binarise(torch.full((3, 1, 10, count // 30), value), stream())
    assert drawn.dtype == torch.uint8
    assert set(drawn.unique().tolist()) <= {0, 255}
    share = (drawn == 255).double().mean().item()
    assert abs(share - value) <= 5 * math.sqrt(value * (1 - value) / count)


def test_bytes_as_floats_are_drawn_and_cut_alike() -> None:
    floats = (GREY / 255).float()
    # A word that lies within float32's rounding of a byte / 255 is one in 2^25.
    assert torch.equal(binarise(floats, stream()), binarise(GREY, stream()))
    for convention in ("static", "threshold", "dynamic"):
        assert torch.equal(fixed(floats, convention, "test"), fixed(GREY, convention, "test"))
    assert fixed(torch.tensor([0.5, 0.5 - 2.0**-25]), "threshold", "test").tolist() == [255, 0]
    assert fixed(floats, "dynamic", "train") is floats


def test_floats_stay_as_they_are(float64: None) -> None:
    real = torch.tensor([[-3.5, 1e30, 0.001]])
    real32 = real.float()
    for images in (real, real32):
        assert fixed(images, "none", "test") is images
        before = images.clone()
        assert torch.equal(scaled(images), images.double())
        assert torch.equal(images, before)
    assert checksum(real32) == hashlib.sha256(real32.numpy().tobytes()).hexdigest()
