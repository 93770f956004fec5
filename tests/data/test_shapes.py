"""The shapes are what their factors say, and other data are as they were."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import matplotlib.path
import numpy as np
import pytest
import torch
from safetensors import safe_open

import vaebench
from vaebench.data import shapes as drawn
from vaebench.data import sources
from vaebench.data.card import card, lines
from vaebench.data.dataset import Data, load
from vaebench.data.prepare import prepare
from vaebench.data.shapes import shapes
from vaebench.data.sources import SPLITS, Dataset
from vaebench.files import tag
from vaebench.study import config

NAMES = ("shape", "scale", "orientation", "x", "y")
RADII = np.array([4, 5, 6, 7, 8])  # pixels
AREAS = {"triangle": 35 / 32, "heart": 4 / 9 * (2 + np.pi / 2), "semicircle": np.pi / 2 * 49 / 64}  # of radius 1
CORNERS = np.array([(0, 1), (-5 / 8, -3 / 4), (5 / 8, -3 / 4)])  # of the triangle, (right, up)
READING = shapes()
IMAGES = READING.images.reshape(3, 5, 8, 13, 13, 28, 28)
COVERED = np.rint(IMAGES / (255 / 16)).astype(int)  # of the 16 samples in a pixel


@pytest.fixture(scope="module")
def data() -> Data:
    return vaebench.dataset("shapes")


# The images


def test_the_bytes_are_the_same_on_every_machine() -> None:
    found = READING.images
    assert (found.dtype, found.shape) == (np.uint8, (20280, 1, 28, 28))
    digest = hashlib.sha256(found.tobytes()).hexdigest()
    assert digest == "9c854085b0098c70f27dafb5ba2f180466493b3699442357a45dd508f36cb6f6"


def test_no_two_combinations_give_the_same_image() -> None:
    assert len({image.tobytes() for image in READING.images}) == 20280


def test_areas_are_those_of_the_shapes() -> None:
    """Of each scale and orientation, in the mean over positions; also, nothing is cut off at any position."""
    area = COVERED.sum((-1, -2)) / 16
    for shape, unit in zip(area, AREAS.values(), strict=True):
        assert (shape == shape[:, :, 6:7, 6:7]).all()
        np.testing.assert_allclose(shape.mean((1, 2, 3)), unit * RADII**2, rtol=0.02)
        np.testing.assert_allclose(shape[..., 0, 0], np.outer(unit * RADII**2, np.ones(8)), rtol=0.05)


def test_positions_are_a_pixel_apart() -> None:
    np.testing.assert_array_equal(IMAGES[:, :, :, 1:, :, :, 1:], IMAGES[:, :, :, :-1, :, :, :-1])
    np.testing.assert_array_equal(IMAGES[:, :, :, :, 1:, 1:], IMAGES[:, :, :, :, :-1, :-1])
    mass = COVERED.sum((-1, -2))
    across = (COVERED.sum(-2) @ np.arange(28)) / mass
    down = (COVERED.sum(-1) @ np.arange(28)) / mass
    np.testing.assert_allclose(np.diff(across, axis=3), 1, atol=1e-9)
    np.testing.assert_allclose(np.diff(down, axis=4), 1, atol=1e-9)
    np.testing.assert_allclose(np.diff(across, axis=4), 0, atol=1e-9)
    np.testing.assert_allclose(np.diff(down, axis=3), 0, atol=1e-9)


def test_orientations_are_eighths_of_a_turn_anticlockwise() -> None:
    middle = IMAGES[:, :, :, 6, 6]
    np.testing.assert_array_equal(np.roll(middle, -2, axis=2), np.rot90(middle, axes=(-2, -1)))


@pytest.mark.parametrize("orientation", range(8))
def test_triangles_are_those_of_matplotlib(orientation: int) -> None:
    cosine, sine = np.cos(orientation * np.pi / 4), np.sin(orientation * np.pi / 4)
    samples = (np.arange(4 * 28) + 0.5) / 4 - 14
    points = np.stack(np.meshgrid(samples, -samples), -1).reshape(-1, 2)
    for scale, radius in enumerate(RADII):
        corners = radius * CORNERS @ np.array([[cosine, sine], [-sine, cosine]])
        inside = matplotlib.path.Path(corners).contains_points(points).reshape(28, 4, 28, 4).sum((1, 3))
        # No more than one sample lies on an edge in each of a few pixels.
        different = COVERED[0, scale, orientation, 6, 6] - inside
        assert abs(different).max() <= 4 and abs(different).sum() < 0.03 * inside.sum()


def test_hearts_and_semicircles_stand_upright() -> None:
    """Symmetric from left to right; the heart ends in a tip below, the semicircle in a straight line."""
    for upright in IMAGES[1:, :, 0, 6, 6].reshape(-1, 28, 28):
        np.testing.assert_array_equal(upright, upright[:, ::-1])
    widths = (COVERED[1:, :, 0, 6, 6] > 0).sum(-1)
    for heart, semicircle in zip(*widths, strict=True):
        heart, semicircle = heart[heart > 0], semicircle[semicircle > 0]
        assert heart[-1] <= 2 and heart.argmax() < len(heart) / 2
        assert semicircle[-1] == semicircle.max() and semicircle[0] < semicircle[-1]


# The dataset


def test_factors_say_what_an_image_shows(data: Data) -> None:
    assert (data.factors, data.classes) == (NAMES, ("triangle", "heart", "semicircle"))
    splits = [getattr(data, name) for name in SPLITS]
    assert [len(split.images) for split in splits] == [14486, 2897, 2897]
    for split in splits:
        assert split.factors.dtype == torch.int64
        shape, scale, orientation, x, y = split.factors.numpy().T
        np.testing.assert_array_equal(IMAGES[shape, scale, orientation, x, y], split.images[:, 0].numpy())
        np.testing.assert_array_equal(split.labels.numpy(), shape)
    every = torch.cat([split.factors for split in splits])
    assert {tuple(row) for row in every.tolist()} == set(np.ndindex(3, 5, 8, 13, 13))


def test_limits_keep_the_first_factors(data: Data) -> None:
    few = vaebench.dataset("shapes", limits={"train": 50, "test": 20})
    assert (few.train.factors is not None) and (few.test.factors is not None) and data.train.factors is not None
    assert torch.equal(few.train.factors, data.train.factors[:50]) and len(few.test.factors) == 20
    assert few.checksum != data.checksum


def test_the_file_holds_factors(tmp_path: Path, data: Data) -> None:
    path = tmp_path / "shapes.safetensors"
    prepare("shapes", Dataset(), None, path)
    with safe_open(path, "numpy") as file:
        assert {*file.keys()} == {f"{split}_{kind}" for split in SPLITS for kind in ("images", "labels", "factors")}
    assert tag(path)["factors"] == [*NAMES]
    assert load(path).checksum == data.checksum


def test_a_configuration_takes_them() -> None:
    study = config.check({"datasets": {"shapes": {}}, "flavours": {"vae": {}}, "latents": [10]})
    assert [cell.dataset for cell in study.cells()] == ["shapes"]
    assert (Dataset().origin("shapes"), Dataset().downloads("shapes")) == ("embedded", [])


def test_the_fingerprint_is_that_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Dataset().fingerprint("shapes")
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "sources.py"))
    copy = Path(shutil.copy(drawn.__file__, tmp_path))
    assert Dataset().fingerprint("shapes") == own
    copy.write_text(copy.read_text().replace("STEP = 4", "STEP = 3"))
    assert Dataset().fingerprint("shapes") != own


def test_a_card_counts_the_values_of_factors(data: Data) -> None:
    found = card(data)
    assert found["factors"] == {"shape": 3, "scale": 5, "orientation": 8, "x": 13, "y": 13}
    assert not any(found["duplicates"].values())
    assert any("orientation of 8 values" in line for line in lines(found))


# Other data


def test_other_data_are_as_they_were(tmp_path: Path) -> None:
    """The checksum and the fingerprint are those of the time before there were factors."""
    path = tmp_path / "digits.safetensors"
    prepare("digits", Dataset(), None, path)
    with safe_open(path, "numpy") as file:
        assert {*file.keys()} == {f"{split}_{kind}" for split in SPLITS for kind in ("images", "labels")}
    assert {*tag(path)} == {"name", "checksum", "source", "fingerprint", "code", "scale", "classes", "skipped"}
    found = load(path)
    assert found.checksum == "445c8996328b32243113f71a3c6ebe61e6ef0b69379f9ea8a7dc213698b26602"
    assert found.fingerprint == "48fff4587596587cf71add8a78f2606ae3f43dbac8660785b976c24c5fa41bb6"
    assert found.factors == () and found.train.factors is None and "factors" not in card(found)
