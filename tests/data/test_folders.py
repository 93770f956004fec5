from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from faults import fault
from PIL import Image
from sklearn.datasets import load_digits

import vaebench
from vaebench.data.readers import read

DIGITS = load_digits().images.astype(np.uint8)[:14]  # (14, 8, 8), 0..16
LABELS = load_digits().target[:14]
COLOUR = np.stack([DIGITS, DIGITS + 1, DIGITS + 2], axis=-1)  # (14, 8, 8, 3)


def write(path: Path, image: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)
    return path


def write_folder(folder: Path, images: np.ndarray = DIGITS, ending: str = ".png") -> Path:
    for index, image in enumerate(images):
        write(folder / f"{index:02d}{ending}", image)
    return folder


def shown(path: Path) -> np.ndarray:
    """The images of a folder as a user gets them."""
    return read(path).images


def same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


# Which files, and of which class


def test_a_flat_folder(tmp_path: Path) -> None:
    found = read(write_folder(tmp_path / "grey"))
    same(found.images, DIGITS[:, None])
    same(found.labels, 0 * LABELS)
    assert (found.classes, found.splits, found.skipped, found.scale) == ((), None, {}, "unit")
    assert found.files[:2] == ("00.png", "01.png")
    # One image of colour makes all of them RGB.
    mixed = np.repeat(DIGITS[..., None], 3, axis=3)
    mixed[5] = COLOUR[5]
    same(shown(write_folder(tmp_path / "mixed", mixed)), np.moveaxis(mixed, 3, 1))


def test_classes_are_named_and_hold_all_below_them(tmp_path: Path) -> None:
    places = ["a/0.png", "a/x/0.png", "a/x/1.png", "b/0.png", "b/y/z/0.png"]
    for place, image in zip(places, COLOUR, strict=False):
        write(tmp_path / "set" / place, image)
    found = read(tmp_path / "set")
    assert found.files == tuple(places)
    same(found.images, np.moveaxis(COLOUR[:5], 3, 1))
    assert (found.labels.tolist(), found.classes) == ([0, 0, 0, 1, 1], ("a", "b"))
    # A folder with nothing but one folder stands for it.
    (tmp_path / "zip").mkdir()
    (tmp_path / "set").rename(tmp_path / "zip/set")
    (tmp_path / "zip/readme.md").write_text("hello")
    again = read(tmp_path / "zip")
    assert (again.labels.tolist(), again.classes, again.skipped) == ([0, 0, 0, 1, 1], ("a", "b"), {"no image (.md)": 1})


def test_hidden_names_are_no_data(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for name in ("a", "b"):
        write_folder(folder / name, DIGITS[:7])
    for name in (".ipynb_checkpoints", "a/.ipynb_checkpoints", "__MACOSX/a", ".hidden/b"):
        write_folder(folder / name, DIGITS[:3])
    (folder / ".empty").mkdir()
    (folder / "a/._00.png").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X        ")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    found = read(folder)
    same(found.images, np.concatenate([DIGITS[:7], DIGITS[:7]])[:, None])
    assert (found.labels.tolist(), found.classes, found.skipped) == ([0] * 7 + [1] * 7, ("a", "b"), {})


def test_what_is_skipped_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for name in ("a", "b"):
        write_folder(folder / name, DIGITS[:7])
    (folder / "a/notes.TXT").write_text("no image")
    (folder / "b/more.txt").write_text("no image")
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (folder / "README").write_text("no image")
    (folder / "c/d").mkdir(parents=True)
    (folder / "a/up").symlink_to(folder)
    (folder / "b/again.png").symlink_to(folder / "a/00.png")
    (folder / "b/gone.txt").symlink_to(tmp_path / "gone")
    data = vaebench.dataset("mine", path=folder)
    assert sum(len(part.images) for part in (data.train, data.validation, data.test)) == 14
    assert data.skipped == {
        "no image (.txt)": 3,
        "no image (.db)": 1,
        "no image (no ending)": 1,
        "folder without an image": 1,
        "link to a folder above it": 1,
        "the same file again, by a link": 1,
    }
    assert data.classes == ("a", "b")


def test_links_are_followed_once(tmp_path: Path) -> None:
    write_folder(tmp_path / "store", DIGITS[:7])
    for index, name in enumerate("ab"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "x.png").symlink_to(tmp_path / f"store/{index:02d}.png")
    (tmp_path / "set/c").symlink_to(tmp_path / "store")
    (tmp_path / "set/d").symlink_to(tmp_path / "store")
    found = read(tmp_path / "set")
    same(found.images, DIGITS[:7, None])
    assert (found.labels.tolist(), found.classes) == ([0, 1, 2, 2, 2, 2, 2], ("a", "b", "c"))
    assert found.skipped == {"the same file again, by a link": 9}


def test_images_are_told_by_their_content(tmp_path: Path) -> None:
    """GIF, files without an ending or with that of another form: all that Pillow opens."""
    for index, image in enumerate(DIGITS):
        form = ("png", "gif", "bmp", "tiff", "webp", "ppm")[index % 6]
        write(tmp_path / f"{index:02d}{('.gif', '', '.PNG')[index % 3]}", image, format=form, lossless=True)
    same(shown(tmp_path), DIGITS[:, None])


@pytest.mark.parametrize(("train", "validation", "test"), [("train", "val", "test"), ("Train", "valid", "TEST")])
def test_folders_of_splits(tmp_path: Path, train: str, validation: str, test: str) -> None:
    parts = {train: slice(9), validation: slice(9, 12), test: slice(12, 14)}
    for name, part in parts.items():
        for index, image in enumerate(DIGITS[part]):
            write(tmp_path / "set" / name / ("odd" if index % 2 else "even") / f"{index}.png", image)
    data = vaebench.dataset("mine", path=tmp_path / "set")
    assert data.classes == ("even", "odd")
    for found, part in zip((data.train, data.validation, data.test), parts.values(), strict=True):
        images = DIGITS[part, None]
        same(found.images.numpy(), np.concatenate([images[::2], images[1::2]]))
        assert found.labels.tolist() == [0] * len(images[::2]) + [1] * len(images[1::2])


def test_without_a_folder_for_validation_it_takes_a_sixth_of_every_class(tmp_path: Path) -> None:
    for index in range(60):
        write(tmp_path / f"train/c{index // 20}/{index:02d}.png", np.full((4, 4), index, np.uint8))
    for index in range(3):
        write(tmp_path / f"test/c{index}/{index}.png", np.full((4, 4), 200 + index, np.uint8))
    data = vaebench.dataset("mine", path=tmp_path)
    assert [len(part.images) for part in (data.train, data.validation, data.test)] == [50, 10, 3]
    assert len(data.validation.labels.unique()) == 3
    values = np.concatenate([part.images[:, 0, 0, 0].numpy() for part in (data.train, data.validation)])
    assert sorted(values.tolist()) == list(range(60))


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    for name in ("test", "plane"):
        write_folder(tmp_path / name, DIGITS[:7])
    assert read(tmp_path).classes == ("plane", "test")
    assert read(tmp_path).splits is None


@pytest.mark.parametrize(
    ("places", "reason"),
    [
        (["a/0", "b/0", "0", "1"], "2 images, such as 0.png, lie beside the folders of classes a, b: move them"),
        (["train/a/0", "test/0"], "1 images, such as 0.png, lie beside the folders of classes a"),
        (["train/0", "test/0", "1"], "1.png lies beside the folders of splits test, train"),
        (["train/a/0", "test/a/0", "more/a/0"], "more lies beside the folders of splits test, train"),
    ],
)
def test_what_is_loose_is_refused(tmp_path: Path, places: list[str], reason: str) -> None:
    for place in places:
        write(tmp_path / f"{place}.png", DIGITS[0])
    message = fault(lambda: read(tmp_path))
    assert message.startswith(f"{tmp_path}: ")
    assert reason in message


def test_train_and_validation_are_no_test_set(tmp_path: Path) -> None:
    for name in ("train", "val"):
        write_folder(tmp_path / name, DIGITS[:7])
    assert "7 train and 0 test images" in fault(lambda: vaebench.dataset("mine", path=tmp_path))


def test_empty_folders_are_refused(tmp_path: Path) -> None:
    assert "no image in this folder (it is empty)" in fault(lambda: read(tmp_path))
    (tmp_path / "class").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    assert "no image in this folder (1 no image (.txt))" in fault(lambda: read(tmp_path))


def test_a_folder_that_may_not_be_listed_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "a")
    write_folder(tmp_path / "b")
    (tmp_path / "b").chmod(0)
    try:
        if os.access(tmp_path / "b", os.R_OK):
            pytest.skip("nothing is closed to this user")
        assert "may not be listed" in fault(lambda: read(tmp_path))
    finally:
        (tmp_path / "b").chmod(0o755)


def test_the_first_odd_file_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set")
    write(folder / "05.png", DIGITS[0, :7])
    write(folder / "06.png", DIGITS[0, :6])
    assert fault(lambda: read(folder)).startswith(f"{folder / '05.png'}: 8x7 pixels where {folder / '00.png'} has 8x8")
    whole = (folder / "07.png").read_bytes()
    for content in (b"no image", b"", whole[:40], whole[:60]):
        (folder / "03.png").write_bytes(content)
        assert fault(lambda: read(folder)).startswith(f"{folder / '03.png'}: cannot be read as an image")
    (folder / "03.png").rename(folder / "03.heic")
    assert fault(lambda: read(folder)).startswith(f"{folder / '03.heic'}: cannot be read as an image")
    (folder / "03.heic").unlink()
    (folder / "03.png").symlink_to(tmp_path / "gone.png")
    assert fault(lambda: read(folder)).startswith(f"{folder / '03.png'}: no such file")


# What a viewer shows


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("ending", [".png", ".tiff", ".jpg"])
def test_the_orientation_of_exif_is_applied(tmp_path: Path, turn: int, ending: str) -> None:
    stored = np.zeros((16, 16), np.uint8)
    stored[:8, 8:] = 250  # top right
    stored[8:, 8:] = 100  # bottom right
    exif = Image.Exif()
    exif[0x0112] = turn
    path = write(tmp_path / f"0{ending}", stored, exif=exif)
    expected = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].T,
        8: np.rot90(stored),
    }[turn]
    np.testing.assert_allclose(shown(path.parent)[0, 0].astype(int), expected, atol=3 if ending == ".jpg" else 0)


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (8, 8, 3))
    alpha = rng.integers(0, 256, (8, 8, 1))
    write(tmp_path / "rgba/0.png", np.concatenate([colour, alpha], 2).astype(np.uint8))
    same(
        shown(tmp_path / "rgba")[0],
        np.moveaxis(np.rint((colour * alpha + 255 * (255 - alpha)) / 255).astype(np.uint8), 2, 0),
    )
    # Opaque images are what they are, and what is seen through is white whatever its colour.
    for name, value in (("opaque", 255), ("clear", 0)):
        write(tmp_path / name / "0.png", np.concatenate([colour, 0 * alpha + value], 2).astype(np.uint8))
    same(shown(tmp_path / "opaque")[0], np.moveaxis(colour, 2, 0).astype(np.uint8))
    same(shown(tmp_path / "clear")[0], np.full((1, 8, 8), 255, np.uint8))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize(("colour", "ground"), [(0, 255), (100, 255), (255, 0), (200, 0)])
def test_a_drawing_in_the_alpha_channel_survives(tmp_path: Path, mode: str, colour: int, ground: int) -> None:
    alpha = np.arange(64).reshape(8, 8) * 4
    stored = np.stack([*[np.full((8, 8), colour)] * (len(mode) - 1), alpha], 2).astype(np.uint8)
    Image.fromarray(stored, mode).save(tmp_path / "0.png")
    same(shown(tmp_path)[0, 0], np.rint((colour * alpha + ground * (255 - alpha)) / 255).astype(np.uint8))


def test_transparent_palettes(tmp_path: Path) -> None:
    """A GIF of two colours, one of which is seen through, and a grey PNG with a transparent grey."""
    image = Image.fromarray((DIGITS[0] > 7).astype(np.uint8), "P")
    image.putpalette([9, 9, 9, 30, 30, 30])
    image.save(tmp_path / "0.gif", transparency=0)
    same(shown(tmp_path)[0, 0], np.where(DIGITS[0] > 7, 30, 255).astype(np.uint8))
    (tmp_path / "0.gif").unlink()
    write(tmp_path / "0.png", DIGITS[0], transparency=3)
    same(shown(tmp_path)[0, 0], np.where(DIGITS[0] == 3, 255, DIGITS[0]).astype(np.uint8))


@pytest.mark.parametrize(("name", "count"), [("0.tif", 3), ("0.gif", 3), ("0.png", 3), ("0.webp", 3)])
def test_pages_and_frames_are_refused(tmp_path: Path, name: str, count: int) -> None:
    frames = [Image.fromarray(DIGITS[index] * 15) for index in range(count)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    message = fault(lambda: read(tmp_path))
    assert message.startswith(f"{tmp_path / name}: ")
    assert "holds 3 pages or frames: save each as a file of its own" in message


def test_the_previews_of_cameras_are_not_shown(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (200, 10)]
    frames[0].save(tmp_path / "0.jpg", format="MPO", save_all=True, append_images=frames[1:])
    same(shown(tmp_path), np.full((1, 1, 8, 8), 200, np.uint8))


def test_sixteen_bits_are_floats(tmp_path: Path) -> None:
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    for name in ("0.png", "1.tif", "2.pgm"):
        write(tmp_path / name, deep)
    expected = (deep / 65535).astype(np.float32)
    same(shown(tmp_path), np.stack([expected] * 3)[:, None])
    # Beside bytes too, and beside colour.
    write(tmp_path / "3.png", COLOUR[0])
    found = shown(tmp_path)
    same(found[:3], np.stack([np.stack([expected] * 3)] * 3))
    same(found[3], np.moveaxis(COLOUR[0], 2, 0) / np.float32(255))


def test_floating_tiffs(tmp_path: Path) -> None:
    fine = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    write(tmp_path / "0.tif", fine)
    same(shown(tmp_path), fine[None, None])
    write(tmp_path / "0.tif", fine * 300)
    assert fault(lambda: read(tmp_path)).startswith(f"{tmp_path / '0.tif'}: floats from 0 to 300")


def png(kind: int, depth: int, channels: int) -> bytes:
    """A black PNG of 8x8 pixels."""
    raw = (b"\0" + bytes(8 * channels * depth // 8)) * 8
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 8, 8, depth, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(raw)),
        (b"IEND", b""),
    )
    parts = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rgb.png", png(2, 16, 3)),
        ("la.png", png(4, 16, 2)),
        ("rgba.png", png(6, 16, 4)),
        ("rgb.ppm", b"P6 8 8 65535\n" + bytes(384)),
        ("ten.ppm", b"P6 8 8 1023\n" + bytes(384)),
    ],
)
def test_depth_that_pillow_would_drop_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    message = fault(lambda: read(tmp_path))
    assert message.startswith(f"{tmp_path / name}: ")
    assert "channels of more than 8 bits" in message
    (tmp_path / name).write_bytes(png(2, 8, 3))
    same(shown(tmp_path), np.zeros((1, 1, 8, 8), np.uint8))


@pytest.mark.parametrize("mode", ["1", "P", "CMYK", "YCbCr"])
def test_other_modes_are_shown_as_colours(tmp_path: Path, mode: str) -> None:
    colour = Image.fromarray(np.kron(COLOUR[0] * 12, np.ones((8, 8, 1), np.uint8)))
    image = colour.convert(mode)
    image.save(tmp_path / ("0.tif" if mode in ("CMYK", "1", "P") else "0.jpg"))
    with Image.open(next(tmp_path.iterdir())) as opened:
        expected = np.moveaxis(np.asarray(opened.convert("RGB")), 2, 0)
    found = shown(tmp_path)[0]
    np.testing.assert_array_equal(np.broadcast_to(found, expected.shape), expected)
    assert mode != "1" or set(np.unique(found)) == {0, 255}
