"""What a dataset's card says is what was put into the data; a fingerprint is of content alone."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import vaebench
from vaebench.data import contents
from vaebench.data.card import BARS, card, duplicates, lines
from vaebench.data.dataset import Data, Split, load
from vaebench.data.prepare import prepare
from vaebench.data.preview import preview
from vaebench.data.sources import SPLITS, Dataset
from vaebench.errors import VaebenchError
from vaebench.report.figures import style
from vaebench.report.figures.sheet import sheet
from vaebench.study import catalogue


def made(*images: np.ndarray, labels: list[list[int]] | None = None, **facts: Any) -> Data:
    """A dataset of three splits in memory."""
    labels = labels or [[0] * len(each) for each in images]
    splits = [Split(torch.tensor(each), torch.tensor(own)) for each, own in zip(images, labels, strict=True)]
    return Data("mine", "c" * 64, Dataset(path="mine.npy"), *splits, fingerprint="f" * 64, **facts)


def grey(*values: int) -> np.ndarray:
    """An image of 4x4 pixels of each value."""
    return np.stack([np.full((1, 4, 4), value, np.uint8) for value in values])


def test_duplicates_are_counted_within_and_across_splits() -> None:
    images = {"train": grey(1, 2, 2, 2, 3), "validation": grey(2, 2, 9), "test": grey(9, 1, 3, 7)}
    assert duplicates(images) == {
        "train": 2,
        "validation": 1,
        "test": 0,
        "validation in train": 2,
        "test in train": 2,
        "test in validation": 1,
    }


def test_a_card_of_grey_images_says_what_was_put_in() -> None:
    labels = [[0, 0, 1, 1, 1], [1, 0, 1], [2, 1, 1, 1]]
    images = grey(0, 0, 15, 16, 255), grey(0, 128, 255), grey(0, 1, 2, 255)
    data = made(*images, labels=labels, classes=("ant", "bee", "cow"), skipped={"hidden": 2})
    found = json.loads(json.dumps(card(data)))  # plain data
    assert found["images"] == {"train": 5, "validation": 3, "test": 4}
    assert (found["shape"], found["type"], found["scale"], found["skipped"]) == (
        [1, 4, 4],
        "uint8",
        "unit",
        {"hidden": 2},
    )
    assert found["range"] == [0, 1]
    assert found["mean"] == pytest.approx(np.mean([0, 0, 15, 16, 255, 0, 128, 255, 0, 1, 2, 255]) / 255)
    expected = {0: 7 / 12, 1: 1 / 12, 8: 1 / 12, 15: 3 / 12}  # sixteenths of [0, 1]
    assert found["histogram"] == pytest.approx([expected.get(i, 0) for i in range(16)])
    assert found["classes"] == {
        "train": {"ant": 2, "bee": 3},
        "validation": {"ant": 1, "bee": 2},
        "test": {"bee": 3, "cow": 1},
    }
    told = lines(found)
    assert told[0] == "12 images of 4x4 pixels, 1 channel, uint8, in [0, 1]: 5 train, 3 validation, 4 test"
    assert told[1] == "2 skipped: 2 hidden"
    assert told[2] == ("exact duplicates: 1 within train, 2 validation in train, 2 test in train, 2 test in validation")
    assert told[3].startswith("values 0 to 1, mean 0.3029 |█▄ ")
    assert told[4] == "3 classes (train/validation/test): ant 2/1/0, bee 3/2/3, cow 0/0/1"


def test_a_card_of_floats_and_of_a_table() -> None:
    images = [np.full((n, 2, 4, 4), value, np.float32) for n, value in ((2, 0.001), (1, 0.5), (1, 1.0))]
    found = card(made(*images))
    assert found["range"] == pytest.approx([0.001, 1.0]) and found["mean"] == pytest.approx(1.502 / 4)
    assert [found["histogram"][i] for i in (0, 8, 15)] == [0.5, 0.25, 0.25]
    table = np.random.default_rng(0).normal(5, 3, (60, 12, 1, 1)).astype(np.float32)
    found = card(made(table[:40], table[40:50], table[50:], scale="real"))
    columns = table[..., 0, 0].astype(np.float64)
    for name, values in (("mean", columns.mean(0)), ("deviation", columns.std(0)), ("least", columns.min(0))):
        assert found["features"][name] == pytest.approx(values.tolist())
    assert sum(found["histogram"]) == pytest.approx(1) and found["range"] == [columns.min(), columns.max()]
    told = lines(found)
    assert told[0] == "60 rows of 12 features, float32, real numbers: 40 train, 10 validation, 10 test"
    assert sum(line.startswith("feature ") for line in told) == 10
    assert set(told[2].split("|")[1]) <= {*BARS, " "}


@pytest.mark.parametrize(
    ("shape", "classes", "facts"),
    [
        ((3, 12, 5), 200, {"classes": tuple(f"a long name of class {i}" for i in range(200))}),
        ((5, 6, 300), 1, {}),
        ((7, 1, 1), 1, {"scale": "real"}),
        ((2, 4, 4), 3, {"scale": "real"}),
    ],
)
def test_a_sheet_shows_every_class_up_to_a_bound(
    tmp_path: Path, shape: tuple[int, int, int], classes: int, facts: dict[str, Any]
) -> None:
    draw = np.random.default_rng(0)
    images = [draw.random((count, *shape)).astype(np.float32) for count in (3 * classes + 9, classes, 5)]
    labels = [[i % classes for i in range(len(each))] for each in images]
    data = made(*images, labels=labels, **facts)
    figure = sheet(data, card(data))
    style.save(figure, [tmp_path / "sheet.png"])
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width == 1440 and picture.height < 2400
    panels = figure.axes[2:]  # after the words and the histogram of all values
    if shape[1:] == (1, 1):
        assert [axes.get_title() for axes in panels] == [f"feature {i}" for i in range(7)]
        return
    assert [axes.get_title() for axes in panels[:3]] == [
        f"{name}: {len(each)}" for name, each in zip(SPLITS, images, strict=True)
    ]
    named = [label.get_text() for label in panels[0].get_yticklabels()]
    assert len(named) == (min(classes, 20) if classes > 1 else 0)


def test_a_sheets_first_row_is_the_first_class(tmp_path: Path) -> None:
    """Evenly spaced images of the class, in their order; white where there are no more."""
    images = grey(*range(0, 200, 10))
    labels = [[0, 1] * 10, [0] * 20, [1] * 20]
    data = made(images, images, images, labels=labels)
    train, _, test = (axes.get_images()[0].get_array() for axes in sheet(data, card(data)).axes[2:5])
    middles = np.arange(8) * 5 + 2, np.array([2, 7])  # of tiles of 4 pixels with a gap of 1
    shown = np.linspace(0, 9, 8).round().astype(int) * 20
    np.testing.assert_allclose(train[middles[1]][:, middles[0], 0] * 255, [shown, shown + 10])
    assert (test[2, middles[0]] == 1).all()  # the first class has no test image


def test_names_of_classes_are_no_markup_and_no_orders_to_a_terminal(tmp_path: Path) -> None:
    names = (r"$\frac$", "two\nlines", "\x1b[2Jred", "é")
    images = grey(*range(8))
    data = made(images, images, images, labels=[[0, 1, 2, 3] * 2] * 3, classes=names)
    told = lines(card(data))
    assert r"4 classes (train/validation/test): $\frac$ 2/2/2, two\nlines 2/2/2, \x1b[2Jred 2/2/2, é 2/2/2" in told
    figure = sheet(data, card(data))
    style.save(figure, [tmp_path / "sheet.png", tmp_path / "sheet.pdf"])
    shown = [label.get_text() for label in figure.axes[2].get_yticklabels()]
    assert shown == [r"$\frac$", r"two\nlines", r"\x1b[2Jred", "é"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of eight images."""
    for name in "ab":
        (tmp_path / "own" / name).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(np.full((8, 8), 10 * i + (name == "b"), np.uint8)).save(
                tmp_path / "own" / name / f"{i}.bmp"
            )
    return tmp_path / "own"


def test_a_fingerprint_is_of_names_and_bytes_alone(folder: Path, tmp_path: Path) -> None:
    before = contents.fingerprint(folder)
    shutil.copytree(folder, tmp_path / "copy")  # other times, another place
    assert contents.fingerprint(tmp_path / "copy") == before
    (folder / ".DS_Store").write_text("hidden")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX/0.png").write_text("hidden")
    assert contents.fingerprint(folder) == before
    changes = [
        lambda: (folder / "a/0.bmp").rename(folder / "a/00.bmp"),
        lambda: (folder / "a/00.bmp").rename(folder / "b/00.bmp"),
        lambda: (folder / "b/00.bmp").unlink(),
        lambda: (folder / "b/1.bmp").write_bytes((folder / "b/2.bmp").read_bytes()),
        lambda: (folder / "notes.txt").symlink_to("nowhere"),
        lambda: (folder / "a/loop").symlink_to(folder),
    ]
    seen = {before}
    for change in changes:
        change()
        seen.add(contents.fingerprint(folder))
    assert len(seen) == 1 + len(changes)
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    assert len({contents.fingerprint(*paths) for paths in ((one,), (other,), (one, other), (other, one))}) == 4


def edited(path: Path) -> None:
    """Change the last byte of a file, and neither its size nor its time."""
    facts, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 8
    path.write_bytes(content)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_the_library_prepares_anew_what_changed_in_place(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = vaebench.dataset("own", store, path=str(folder))
    written = (store / "own.safetensors").stat().st_mtime_ns
    assert vaebench.dataset("own", store, path=str(folder)).checksum == first.checksum
    assert (store / "own.safetensors").stat().st_mtime_ns == written
    edited(folder / "b/5.bmp")
    second = vaebench.dataset("own", store, path=str(folder))
    assert second.checksum != first.checksum and second.fingerprint == Dataset(path=str(folder)).fingerprint("own")
    np.save(tmp_path / "labels.npy", np.arange(16))
    labelled = {"path": str(folder), "labels": str(tmp_path / "labels.npy")}
    for add in (0, 5):
        np.save(tmp_path / "labels.npy", np.arange(16) + add)
        found = vaebench.dataset("own", store, **labelled)
        assert sum(int(getattr(found, split).labels.sum()) for split in SPLITS) == 120 + 16 * add


def test_other_code_prepares_anew(folder: Path, tmp_path: Path) -> None:
    """What code before this one has written is not taken for what this one would write."""
    source, path = Dataset(path=str(folder)), tmp_path / "own.safetensors"
    prepare("own", source, None, path, code="other")
    old = path.read_bytes()
    data = vaebench.dataset("own", tmp_path, path=str(folder))
    assert data.checksum == load(path).checksum and path.read_bytes() != old
    new = path.read_bytes()
    vaebench.dataset("own", tmp_path, path=str(folder))
    assert path.read_bytes() == new and catalogue.fingerprint("data/prepare.py").encode() in new


def test_other_data_in_a_runs_folder_are_told(folder: Path, tmp_path: Path) -> None:
    settings = {"latent": 2, "network_settings": {"hidden": [4]}, "epochs": 1, "folder": tmp_path / "runs"}
    vaebench.train("ae", vaebench.dataset("own", path=str(folder)), **settings)
    edited(folder / "a/2.bmp")
    with pytest.raises(VaebenchError, match=r"holds a run of another configuration \(other data\)"):
        vaebench.train("ae", vaebench.dataset("own", path=str(folder)), **settings)


def test_a_preview_is_what_is_prepared_and_fetches_nothing(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    found = preview("own", Dataset(path=str(folder)), tmp_path / "raw")
    assert found is not None and found.checksum == vaebench.dataset("own", path=str(folder)).checksum
    monkeypatch.delenv("VAEBENCH_MIRROR", raising=False)
    assert preview("mnist", Dataset(), tmp_path / "raw", "https://example.invalid") is None
    with pytest.raises(VaebenchError, match=r"dataset 'own': labels: .*/gone: no such file or folder: mend the path"):
        preview("own", Dataset(path=str(folder), labels=str(tmp_path / "gone")), tmp_path / "raw")
