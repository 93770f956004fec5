from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from faults import fault
from PIL import Image
from sklearn.datasets import load_digits

from vaebench.data.readers import read

DIGITS = load_digits().images.astype(np.uint8)[:14]  # (14, 8, 8)
LABELS = load_digits().target[:14]
PIXELS = DIGITS.reshape(14, 64)
ROWS = np.random.default_rng(0).normal(0, 3, (14, 3))


def table(folder: Path, names: list[str] | None, *columns: np.ndarray) -> Path:
    """A CSV file of columns, with names on top or without."""
    path = folder / "set.csv"
    frame = pd.concat([pd.DataFrame(column) for column in columns], axis=1)
    frame.to_csv(path, index=False, header=names if names is not None else False)
    return path


def same(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    "names",
    [
        ["label", *(f"pixel{place}" for place in range(64))],
        ["label", *(f"pixel{place}" for place in range(1, 65))],
        ["Class", *(f"PX_{place:04d}" for place in range(64))],
        ["target", *(f"{row}x{column}" for row in range(1, 9) for column in range(1, 9))],
        None,
    ],
)
def test_rows_of_pixels(tmp_path: Path, names: list[str] | None) -> None:
    found = read(table(tmp_path, names, LABELS, PIXELS))
    same(found.images, DIGITS[:, None])
    same(found.labels, LABELS)
    assert found.scale == "unit"


def test_pixels_go_by_their_numbers(tmp_path: Path) -> None:
    order = np.argsort([str(place) for place in range(64)])  # 0, 1, 10, 11...
    names = [f"pixel{place}" for place in order]
    same(read(table(tmp_path, names, PIXELS[:, order])).images, DIGITS[:, None])
    names = [f"{row}x{column}" for row in range(1, 17) for column in range(1, 5)]
    same(read(table(tmp_path, names, PIXELS)).images, PIXELS.reshape(14, 1, 16, 4))
    # As many rows as a side has pixels are no doubt of the order of axes.
    same(read(table(tmp_path, [f"pixel{place}" for place in range(64)], PIXELS[:8])).images, DIGITS[:8, None])
    same(read(table(tmp_path, None, LABELS[:8], PIXELS[:8])).images, DIGITS[:8, None])


def test_rows_of_features(tmp_path: Path) -> None:
    expected = ROWS.astype(np.float32)[:, :, None, None]
    words = np.array(["b", "a"])[LABELS % 2]
    splits = np.array(["train", "val", "test"])[LABELS % 3]
    for names, columns, labels, classes in (
        (["one", "two", "three"], [ROWS], 0 * LABELS, ()),
        (None, [ROWS], 0 * LABELS, ()),
        (["one", "two", "three", "Label"], [ROWS, LABELS], LABELS, ()),
        (["one", "class", "two", "three"], [ROWS[:, :1], words, ROWS[:, 1:]], 1 - LABELS % 2, ("a", "b")),
    ):
        found = read(table(tmp_path, names, *columns))
        same(found.images, expected)
        same(found.labels, labels)
        assert (found.classes, found.scale, found.splits) == (classes, "real", None)
    same(read(table(tmp_path, ["split", "one", "two", "three"], splits, ROWS)).splits, LABELS % 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (",a,b\n0,1,2\n1,3,4\n", "column 1 has no name: name it, or write the file without an index"),
        ("0,1,2\n4,5,6\n", "may be names or numbers"),
        ("a,a\n1,2\n", "two columns have one name"),
        ("a,b\n1,2\n1,x\n", "row 2: could not convert string to float: 'x': give numbers alone"),
        ("a,b\n1,2\n1,\n", "row 2: could not convert string to float: ''"),
        ("a,b\n1,nan\n2,3\n", "NaN among the values (1 of them, in 1 of 2 images or rows, first in number 0)"),
        ("a,b\n1,inf\n", "infinity among the values"),
        ("a,label\n1,\n2,x\n", "column label has no value in row 1"),
        ("label,class,a\n1,1,1\n", "label and class may both be the labels"),
        ("label\n1\n", "shape (1, 0)"),
        ("a,b\n", "it holds no row"),
        ("id,label,pixel0,pixel1\n1,1,1,1\n", "columns id beside pixels"),
        ("pixel0,pixel1,pixel2\n1,1,1\n", "3 pixels a row are no whole square"),
        ("pixel0,pixel1,pixel2,pixel4\n1,1,1,1\n", "4 pixels a row are no whole square"),
        ("1x1,1x2,2x1\n1,1,1\n", "3 pixels a row are no whole square"),
        ("", "it holds no row"),
        ("a,b\n1,2\n\n1,2,3\n", "cannot be read as CSV (3 cells in line 4 and 2 in the first)"),
        ('a,b\n1,"2\n', "cannot be read as CSV"),
        ("a,label\n1,nan\n", "labels are float64 and not all whole"),
        ("a,label\n1,0.5\n", "labels are float64 and not all whole"),
    ],
)
def test_tables_that_would_be_guessed_at_are_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "set.csv"
    path.write_text(content)
    message = fault(lambda: read(path))
    assert message.startswith(f"{path}: ")
    assert reason in message


def test_numbers_keep_their_last_bit(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).uniform(-1, 1, (40, 5)).astype(np.float32)
    same(read(table(tmp_path, list("abcde"), rows)).images[..., 0, 0], rows)


@pytest.mark.parametrize(
    ("names", "columns", "expected"),
    [
        (["label"], [LABELS], LABELS),
        (["anything"], [LABELS], LABELS),
        (None, [LABELS], LABELS),
        (["id", "class"], [np.arange(14), LABELS], LABELS),
    ],
)
def test_labels_of_arrays_are_in_the_order_of_rows(
    tmp_path: Path, names: list[str] | None, columns: list[np.ndarray], expected: np.ndarray
) -> None:
    np.save(tmp_path / "set.npy", DIGITS)
    same(read(tmp_path / "set.npy", table(tmp_path, names, *columns)).labels, expected)


def test_several_columns_of_labels_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "set.npy", DIGITS)
    for names in (["age", "kind"], None):
        message = fault(lambda names=names: read(tmp_path / "set.npy", table(tmp_path, names, LABELS, LABELS)))
        assert f"columns {', '.join(names or ['0', '1'])}: name the one of the labels label on top" in message


def test_labels_of_files_go_by_their_names(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for index, image in enumerate(DIGITS):
        Image.fromarray(image).save(folder / f"cell {index:02d}.png")
    order = np.random.default_rng(0).permutation(14)
    words = np.array(["b", "a"])[LABELS % 2]
    for name in ("cell {:02d}.png", "cell {:02d}"):
        files = np.array([name.format(index) for index in order])
        path = table(folder, ["image", "more", "label"], files, 0 * LABELS, words[order])
        found = read(folder, path)
        same(found.images, DIGITS[:, None])
        same(found.labels, 1 - LABELS % 2)
        assert (found.classes, found.skipped) == (("a", "b"), {"no image (.csv)": 1})
    # Labels alone are in the order of the names; a table that names other files, or one twice, is none.
    same(read(folder, table(folder, ["label"], LABELS)).labels, LABELS)
    for files in (np.arange(14), np.array(["cell 00.png"] * 2 + [f"cell {index:02d}.png" for index in range(1, 14)])):
        path = table(folder, ["image", "label"], files, np.resize(LABELS, len(files)))
        assert "no column names each of the 14 files" in fault(lambda path=path: read(folder, path))
