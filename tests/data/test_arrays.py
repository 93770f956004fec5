from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from faults import fault
from sklearn.datasets import load_digits

import vaebench
from vaebench.data.arrays import held
from vaebench.data.readers import read
from vaebench.data.reading import Reading

DIGITS = load_digits().images.astype(np.uint8)[:14]  # (14, 8, 8), 0..16
LABELS = load_digits().target[:14]
COLOUR = np.stack([DIGITS, DIGITS + 1, DIGITS + 2], axis=1)  # (14, 3, 8, 8)
BITS = DIGITS > 7
WHITE = 255 * BITS[:, None].astype(np.uint8)
DEEP = DIGITS.astype(np.uint16) * 4000
FINE = np.linspace(0, 1, DIGITS.size, dtype=np.float32).reshape(DIGITS.shape)  # k / 895, which are no bytes
WORDS = np.array(["ten", "seven", "five"])[LABELS % 3]


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def saved(folder: Path, array: Any) -> Path:
    path = folder / "set.npy"
    np.save(path, array, allow_pickle=True)
    return path


def archived(folder: Path, **arrays: Any) -> Path:
    path = folder / "set.npz"
    np.savez(path, **arrays)
    return path


def same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


# Values and axes


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (DIGITS, DIGITS[:, None]),
        (DIGITS[:, None], DIGITS[:, None]),
        (DIGITS[..., None], DIGITS[:, None]),
        (COLOUR, COLOUR),
        (np.moveaxis(COLOUR, 1, 3), COLOUR),
        (np.asfortranarray(COLOUR), COLOUR),
        (np.concatenate([COLOUR, COLOUR[:, :2]], 1), np.concatenate([COLOUR, COLOUR[:, :2]], 1)),
        (np.moveaxis(COLOUR[:, :2], 1, 3), COLOUR[:, :2]),
        # Integer greys are bytes, of whatever type.
        (DIGITS.astype(np.int64), DIGITS[:, None]),
        (DIGITS.astype(">u2"), DIGITS[:, None]),
        (DIGITS / 255, DIGITS[:, None]),
        ((COLOUR / 255).astype(np.float32), COLOUR),
        # Black and white.
        (BITS, WHITE),
        (BITS.astype(np.uint8), WHITE),
        (BITS.astype(np.int32), WHITE),
        (BITS.astype(np.float16), WHITE),
        # Floats keep their precision; 16 bits are floats.
        (FINE, FINE[:, None]),
        (FINE.astype(np.float64), FINE[:, None]),
        (np.float16(FINE), np.float32(np.float16(FINE))[:, None]),
        (np.full((14, 8, 8), 0.001), np.full((14, 1, 8, 8), 0.001, np.float32)),
        (DEEP, (DEEP / 65535).astype(np.float32)[:, None]),
        (DEEP.astype(">u2"), (DEEP / 65535).astype(np.float32)[:, None]),
        # Tables.
        (FINE.reshape(14, 64) * 9 - 4, (FINE.reshape(14, 64, 1, 1) * 9 - 4)),
        (np.arange(28).reshape(14, 2), np.arange(28, dtype=np.float32).reshape(14, 2, 1, 1)),
    ],
)
def test_arrays_are_read_as_they_are(tmp_path: Path, stored: np.ndarray, expected: np.ndarray) -> None:
    np.savez_compressed(tmp_path / "labelled.npz", images=stored, labels=LABELS.astype(np.uint8))
    for path, labels in (
        (saved(tmp_path, stored), 0 * LABELS),
        (archived(tmp_path, images=stored), 0 * LABELS),
        (tmp_path / "labelled.npz", LABELS),
    ):
        found = read(path)
        same(found.images, expected)
        same(found.labels, labels.astype(np.int64))
        assert (found.scale, found.classes, found.splits) == ("real" if stored.ndim == 2 else "unit", (), None)


def test_every_byte_is_its_float() -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16).repeat(7, 0)
    for stored in (grey / 255, np.float32(grey) / np.float32(255), np.float32(grey / 255)):
        same(held("x", stored).images, grey[:, None])
    # One value that is no byte keeps all of them floats.
    stored = np.float32(grey / 255)
    stored[3, 0, 0] = 0.001
    same(held("x", stored).images, stored[:, None])


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (np.zeros((28, 28, 500)), r"looks like \(height, width, n\): apply np.moveaxis\(images, -1, 0\)"),
        (np.zeros((28, 20, 500)), r"looks like \(height, width, n\)"),
        (np.zeros((28, 28, 9)), r"looks like \(height, width, n\)"),
        (np.zeros((32, 32, 3, 50)), r"looks like \(height, width, channels, n\): apply np.moveaxis\(images, -1, 0\)"),
        (np.zeros((32, 32, 3, 20)), r"looks like \(height, width, channels, n\)"),
        (np.zeros((9, 8, 8, 8)), "fewer channels than pixels"),
        (np.zeros((9, 3, 8, 3)), "fewer channels than pixels"),
        (np.zeros((9, 2, 3, 4, 5)), "fewer channels than pixels"),
        (np.zeros(9), r"shape \(9,\)"),
        (np.float64(3), r"shape \(\)"),
        (DIGITS[:0], r"shape \(0, 8, 8\)"),
        (np.zeros((9, 0)), r"shape \(9, 0\)"),
        (DIGITS.astype(np.float32), r"floats from 0 to 16: scale them to \[0, 1\]"),
        (DIGITS / 255 - 0.1, r"floats from -0.1 to -0.03\d+: scale them"),
        (DIGITS.astype(np.int64) - 1, "int64 from -1 to 15: give integers of 0..255"),
        (DIGITS.astype(np.int32) * 100, "int32 from 0 to 1600: give integers of 0..255"),
        (np.where(DIGITS > 15, np.nan, 0.5), r"NaN among the values \(\d+ of them, in \d+ of 14 images"),
        (
            np.where(FINE == 1, np.inf, FINE),
            r"infinity among the values \(1 of them, .* first in number 13\)",
        ),
        (FINE + 1j, "type complex64"),
        (np.full((9, 8, 8), "a"), "type <U1"),
        (np.full((9, 8), "a"), "type <U1"),
        (np.zeros((9, 8), np.uint8), r"reshape images to \(n, height, width\)"),
        (np.where(np.eye(9), np.nan, 1), r"NaN among the values \(9 of them, in 9 of 9"),
        (np.full((9, 2), 1e300), "infinity among the values"),
        (np.array([None, "text"]), "cannot be read .*Object arrays"),
    ],
)
def test_arrays_that_would_be_guessed_at_are_refused(tmp_path: Path, stored: np.ndarray, reason: str) -> None:
    path = saved(tmp_path, stored)
    message = fault(lambda: read(path))
    assert message.startswith(f"{path}: ")
    assert re.search(reason, message)


def test_the_mends_of_matlab_order_are_true(tmp_path: Path) -> None:
    matlab = np.moveaxis(np.concatenate([DIGITS, DIGITS]), 0, -1)  # (8, 8, 28)
    assert "np.moveaxis(images, -1, 0)" in fault(lambda: read(saved(tmp_path, matlab)))
    same(read(saved(tmp_path, np.moveaxis(matlab, -1, 0))).images[:14], DIGITS[:, None])
    # With its axis for the channel, an array is taken at its word.
    same(read(saved(tmp_path, matlab[:, None])).images, matlab[:, None])
    svhn = np.transpose(np.concatenate([COLOUR, COLOUR]), (2, 3, 1, 0))
    assert "np.moveaxis(images, -1, 0)" in fault(lambda: read(saved(tmp_path, svhn)))
    same(read(saved(tmp_path, np.moveaxis(svhn, -1, 0))).images[14:], COLOUR)


# Labels


@pytest.mark.parametrize(
    ("labels", "numbers", "classes"),
    [
        (LABELS[:, None], LABELS, ()),
        (LABELS.astype(np.uint8), LABELS, ()),
        (LABELS.astype(np.float32), LABELS, ()),
        (LABELS > 4, LABELS > 4, ()),
        (np.eye(10, dtype=np.float32)[LABELS], LABELS, ()),
        (np.eye(10, dtype=bool)[LABELS], LABELS, ()),
        (WORDS, np.array([2, 1, 0])[LABELS % 3], ("five", "seven", "ten")),
        (WORDS.astype("S"), np.array([2, 1, 0])[LABELS % 3], ("five", "seven", "ten")),
        (WORDS[:, None], np.array([2, 1, 0])[LABELS % 3], ("five", "seven", "ten")),
        (LABELS - 5, LABELS - 5, ()),
    ],
)
def test_labels(tmp_path: Path, labels: np.ndarray, numbers: np.ndarray, classes: tuple[str, ...]) -> None:
    np.save(tmp_path / "labels.npy", labels)
    np.savez(tmp_path / "labels.npz", labels)
    images = saved(tmp_path, DIGITS)
    for found in (
        read(archived(tmp_path, images=DIGITS, labels=labels)),
        read(images, tmp_path / "labels.npy"),
        read(images, tmp_path / "labels.npz"),
    ):
        same(found.labels, numbers.astype(np.int64))
        assert found.classes == classes


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (LABELS[:-1], r"labels are int64 of shape \(13,\): give one integer or word for each of the 14 images"),
        (LABELS / 2, "labels are float64 and not all whole"),
        (np.where(LABELS == 3, np.nan, LABELS), "not all whole"),
        (np.full(14, 2**64 - 1, np.uint64), "not all whole"),
        (np.stack([LABELS, LABELS], 1), r"labels are 2 columns: keep one of them, such as labels\[:, 0\]"),
        (np.ones((14, 3), int), "labels are 3 columns"),
        (np.zeros((14, 8, 8)), r"shape \(14, 8, 8\)"),
        (np.array([None] * 14), "Object arrays"),
        (np.zeros(14, [("a", int), ("b", int)]), "labels are"),
    ],
)
def test_labels_that_would_be_guessed_at_are_refused(tmp_path: Path, labels: np.ndarray, reason: str) -> None:
    images = saved(tmp_path, DIGITS)
    np.save(tmp_path / "labels.npy", labels, allow_pickle=True)
    message = fault(lambda: read(images, tmp_path / "labels.npy"))
    assert message.startswith(f"{tmp_path / 'labels.npy'}: ")
    assert re.search(reason, message)


@pytest.mark.parametrize("name", ["train-ubyte", "train-ubyte.gz", "train.idx"])
def test_idx_dataset_with_labels_beside(tmp_path: Path, name: str) -> None:
    pack = gzip.compress if name.endswith(".gz") else bytes
    (tmp_path / name).write_bytes(pack(idx(DIGITS)))
    (tmp_path / f"labels-{name}").write_bytes(pack(idx(LABELS)))
    np.save(tmp_path / "labels.npy", LABELS)
    for labels, expected in ((None, 0 * LABELS), (f"labels-{name}", LABELS), ("labels.npy", LABELS)):
        found = read(tmp_path / name, labels and tmp_path / labels)
        same(found.images, DIGITS[:, None])
        np.testing.assert_array_equal(found.labels, expected)


def test_idx_says_the_order_of_its_axes(tmp_path: Path) -> None:
    (tmp_path / "train.idx").write_bytes(idx(DIGITS[:8]))
    same(read(tmp_path / "train.idx").images, DIGITS[:8, None])
    assert "looks like (height, width, n)" in fault(lambda: read(saved(tmp_path, DIGITS[:8])))


def test_labels_beside_go_first(tmp_path: Path) -> None:
    path = archived(tmp_path, images=DIGITS, labels=WORDS)
    np.save(tmp_path / "labels.npy", LABELS[::-1])
    found = read(path, tmp_path / "labels.npy")
    same(found.labels, LABELS[::-1])
    assert found.classes == ()


# Layouts and their own splits


def of_split(found: Reading, place: int) -> tuple[np.ndarray, list[int]]:
    assert found.splits is not None
    chosen = found.splits == place
    return found.images[chosen, 0], found.labels[chosen].tolist()


@pytest.mark.parametrize(
    "split",
    [
        np.array(["train", "val", "test"])[LABELS % 3],
        np.array(["Train", "Validation", "TEST"])[LABELS % 3],
        np.array([b"train", b"valid", b"test"])[LABELS % 3],
        (LABELS % 3).astype(np.uint8),
    ],
)
def test_an_archives_own_split(tmp_path: Path, split: np.ndarray) -> None:
    found = read(archived(tmp_path, images=DIGITS, labels=LABELS, split=split))
    same(found.splits, (LABELS % 3).astype(np.int64))
    data = vaebench.dataset("mine", path=tmp_path / "set.npz")
    for place, part in enumerate((data.train, data.validation, data.test)):
        chosen = np.flatnonzero(place == LABELS % 3)
        same(part.images.numpy(), DIGITS[chosen, None])
        same(part.labels.numpy(), LABELS[chosen])


@pytest.mark.parametrize("split", [LABELS, LABELS[:-1] % 3, np.full(14, "dev"), LABELS % 3 / 1, LABELS % 3 > 1])
def test_splits_of_other_kinds_are_refused(tmp_path: Path, split: np.ndarray) -> None:
    assert ": split is " in fault(lambda: read(archived(tmp_path, images=DIGITS, split=split)))


def test_the_layout_of_keras(tmp_path: Path) -> None:
    labels = LABELS[::-1].copy()  # not sorted, as LABELS are at first
    arrays = {"x_train": DIGITS[:12], "y_train": labels[:12, None], "x_test": DIGITS[12:], "y_test": labels[12:, None]}
    for spelt in (arrays, {key.upper(): value for key, value in arrays.items()}):
        found = read(archived(tmp_path, **spelt, other=np.zeros(3)))
        for place, part in ((0, slice(12)), (2, slice(12, 14))):
            images, numbers = of_split(found, place)
            same(images, DIGITS[part])
            assert numbers == labels[part].tolist()
        assert list(found.skipped.values()) == [1]
    data = vaebench.dataset("mine", path=tmp_path / "set.npz")
    assert data.skipped == {"array other": 1}
    # As with MNIST the last sixth of the training images, in their order, is for validation.
    for part, places in ((data.train, slice(10)), (data.validation, slice(10, 12)), (data.test, slice(12, 14))):
        same(part.images.numpy(), DIGITS[places, None])


def test_sorted_labels_are_shuffled_before_the_last_sixth_is_taken(tmp_path: Path) -> None:
    images = np.arange(60 * 16, dtype=np.uint16).reshape(60, 4, 4) * 60
    labels = np.arange(60) // 10
    path = archived(tmp_path, x_train=images, y_train=labels, x_test=images[:7], y_test=labels[:7])
    data = vaebench.dataset("mine", path=path)
    order = np.random.Generator(np.random.PCG64(0)).permutation(60)
    same(data.train.labels.numpy(), labels[order[:50]])
    same(data.validation.labels.numpy(), labels[order[50:]])
    assert len(set(data.validation.labels.tolist())) > 1
    same(data.test.images.numpy(), (images[:7] / 65535).astype(np.float32)[:, None])


def test_the_layout_of_medmnist(tmp_path: Path) -> None:
    parts = {"train": slice(8), "val": slice(8, 11), "test": slice(11, 14)}
    arrays = {f"{name}_images": np.moveaxis(COLOUR, 1, 3)[part] for name, part in parts.items()}
    arrays |= {f"{name}_labels": LABELS[part, None] for name, part in parts.items()}
    data = vaebench.dataset("mine", path=archived(tmp_path, **arrays))
    for found, part in zip((data.train, data.validation, data.test), parts.values(), strict=True):
        same(found.images.numpy(), COLOUR[part])
        same(found.labels.numpy(), LABELS[part])


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"pictures": DIGITS, "more": LABELS}, "no images among its arrays pictures, more: name them images"),
        ({}, r"no images among its arrays \(none\)"),
        ({"x_train": DIGITS, "x_test": DIGITS[:, :7]}, r"test of shape \(14, 7, 8\) beside train of \(14, 8, 8\)"),
        ({"x_train": DIGITS, "x_test": DIGITS, "y_train": LABELS}, "no labels of test: give labels to all splits"),
        ({"x_train": DIGITS, "x_test": DIGITS[:9], "y_train": LABELS[:9], "y_test": LABELS}, r"train: labels .*\(9,\)"),
        ({"x_train": DIGITS, "x_test": np.zeros((8, 8))}, r"test of shape \(8, 8\) beside train"),
        ({"x_train": np.moveaxis(DIGITS, 0, 2), "x_test": np.moveaxis(DIGITS, 0, 2)}, "looks like"),
        ({"images": DIGITS, "labels": np.stack([LABELS, LABELS], 1)}, "2 columns"),
    ],
)
def test_archives_that_would_be_guessed_at_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], reason: str
) -> None:
    assert re.search(reason, fault(lambda: read(archived(tmp_path, **arrays))))


def test_splits_need_images_to_train_and_to_test(tmp_path: Path) -> None:
    for arrays, reason in (
        ({"x_train": DIGITS}, "14 train and 0 test images"),
        ({"x_train": DIGITS, "x_val": DIGITS}, "14 train and 0 test images"),
        ({"images": DIGITS, "split": np.full(14, 2)}, "0 train and 14 test images"),
        ({"x_train": DIGITS[:5], "x_test": DIGITS}, "5 train images leave none for validation"),
    ):
        path = archived(tmp_path, **arrays)
        assert reason in fault(lambda path=path: vaebench.dataset("mine", path=path))


@pytest.mark.parametrize("name", ["set.npy", "set.npz", "set-ubyte", "set.csv", "set.png"])
@pytest.mark.parametrize("content", [b"", b"PK\3\4 and so on", b"\x93NUMPY\1\0\x10\0{'descr': '<f4'"])
def test_garbled_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert fault(lambda: read(path)).startswith(str(path))
    np.save(tmp_path / "images.npy", DIGITS)
    assert fault(lambda: read(tmp_path / "images.npy", path)).startswith(str(path))


def test_missing_files_are_refused(tmp_path: Path) -> None:
    assert "no such file" in fault(lambda: read(tmp_path / "absent.npy"))
    path = saved(tmp_path, DIGITS)
    assert "no such file" in fault(lambda: read(path, tmp_path / "absent.npy"))
    assert "unknown form of labels" in fault(lambda: read(path, tmp_path))


# In memory


@pytest.mark.parametrize("make", [np.asarray, torch.tensor, np.ndarray.tolist])
def test_a_dataset_in_memory(make: Callable[[np.ndarray], Any]) -> None:
    images, labels = FINE[:, None].repeat(5, 1), LABELS
    data = vaebench.dataset("cells", images=make(images), labels=make(labels))
    order = np.random.Generator(np.random.PCG64(0)).permutation(14)
    assert (data.name, data.shape, data.scale) == ("cells", (5, 8, 8), "unit")
    for part, places in ((data.train, order[:10]), (data.validation, order[10:12]), (data.test, order[12:])):
        same(part.images.numpy(), images[places])
        same(part.labels.numpy(), labels[places])


def test_a_dataset_in_memory_with_its_own_splits(tmp_path: Path) -> None:
    parts = (DIGITS[:9], WORDS[:9]), (DIGITS[9:11], WORDS[9:11]), (DIGITS[11:], WORDS[11:])
    (images, labels), validation, test = parts
    data = vaebench.dataset("cells", tmp_path, images=images, labels=labels, validation=validation, test=test)
    assert data.classes == ("five", "seven", "ten")
    for part, (images, labels) in zip((data.train, data.validation, data.test), parts, strict=True):
        same(part.images.numpy(), images[:, None])
        assert [data.classes[label] for label in part.labels] == labels.tolist()
    # Kept in the folder, and written anew when they change.
    assert [path.name for path in tmp_path.iterdir()] == ["cells.safetensors"]
    again = vaebench.dataset("cells", tmp_path, images=DIGITS, limits={"train": 3})
    assert (len(again.train.images), len(again.test.images)) == (3, 2)
    assert again.checksum != data.checksum
    # Without labels, with a test set alone.
    data = vaebench.dataset("cells", images=DIGITS[:12], test=DIGITS[12:])
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [10, 2, 2]
    same(data.test.images.numpy(), DIGITS[12:, None])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"test": DIGITS}, "test without images"),
        ({"images": DIGITS, "path": "x.npy"}, "both images and a path"),
        ({"images": DIGITS, "pth": "x.npy"}, "pth"),
        ({"images": DIGITS[:6]}, "6 images cannot be split"),
        ({"images": DIGITS[:, :, :3]}, "3x8 pixels"),
        ({"images": DIGITS, "validation": DIGITS}, "14 train and 0 test images"),
        ({"images": DIGITS, "labels": LABELS, "test": DIGITS}, "no labels of test"),
        ({"images": DIGITS, "test": (DIGITS, LABELS, LABELS)}, "test of 3 parts"),
        ({"images": DIGITS, "labels": LABELS, "test": (DIGITS, WORDS)}, "numbers in one split and words in another"),
        ({"images": DIGITS, "test": DIGITS.astype("M8[s]")}, "images of type datetime64[s]"),
        ({"images": DIGITS, "labels": LABELS.astype("M8[s]")}, "labels are datetime64[s]"),
        ({"images": np.ma.masked_equal(DIGITS, 3)}, "an array with masked values"),
        ({"images": [DIGITS, DIGITS[:3]]}, "list is no array"),
        ({"images": np.array([None] * 9)}, "shape (9,), of type object"),
        ({"images": torch.zeros(9, 1, 8, 8, dtype=torch.bfloat16)}, "Tensor is no array"),
    ],
)
def test_what_is_in_memory_is_checked(fields: dict[str, Any], reason: str) -> None:
    message = fault(lambda: vaebench.dataset("cells", **fields))
    assert message.startswith(("dataset 'cells'", "cells: "))
    assert reason in message


def test_paths_are_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a {b} c"
    folder.mkdir()
    np.save(folder / "la bels.npy", LABELS)
    path = saved(folder, DIGITS)
    monkeypatch.setenv("HOME", str(folder))
    expected = vaebench.dataset("mine", images=DIGITS, labels=LABELS).checksum
    for data in (
        vaebench.dataset("mine", path=path, labels=folder / "la bels.npy"),
        vaebench.dataset("mine", folder / "{kept}", path=str(path), labels=str(folder / "la bels.npy")),
        vaebench.dataset("mine", "~/kept", path="~/set.npy", labels=Path("~/la bels.npy")),
    ):
        assert data.checksum == expected
    assert sorted(place.name for place in folder.iterdir()) == ["kept", "la bels.npy", "set.npy", "{kept}"]


def test_floats_come_through_to_the_model(float64: None) -> None:
    from vaebench.data.binarisation import scaled

    stored = np.full((7, 4, 4), np.float32(0.001))
    data = vaebench.dataset("mine", images=stored)
    before = data.train.images.clone()
    assert (scaled(data.train.images) == float(np.float32(0.001))).all()
    assert torch.equal(data.train.images, before)


# Tables


def test_a_table_is_trained_and_measured(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(3, 2, (70, 3))
    data = vaebench.dataset("rows", images=rows)
    assert (data.shape, data.scale) == ((3, 1, 1), "real")
    order = np.random.Generator(np.random.PCG64(0)).permutation(70)
    same(data.test.images[:, :, 0, 0].numpy(), rows[order[60:]].astype(np.float32))
    np.save(tmp_path / "rows.npy", rows)
    assert vaebench.dataset("rows", path=tmp_path / "rows.npy").checksum == data.checksum
    settings = {"latent": 2, "likelihood": "gaussian_learned", "convention": "none", "epochs": 3}
    model = vaebench.train("vae", data, **settings, network_settings={"hidden": [16]})
    values = vaebench.evaluate(model, data, importance_samples=10, importance_images=10)
    assert np.isfinite([values[name] for name in ("elbo", "nll", "mse")]).all()
    assert "no images: take mlp" in fault(lambda: vaebench.train("vae", data, **settings, network="conv"))
