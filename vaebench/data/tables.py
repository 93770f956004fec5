"""CSV: images as a row of pixels each, tables of features, and labels.

Columns are told by their names. The labels are the one column ``label``, ``labels``, ``class`` or ``target``; ``split``
holds each row's own. Where all others are named as pixels are, rows are grey images: ``pixel0``... of a square one, in
the order of the numbers, ``1x1``... by row and column. Else they are a table of features. Without names on top, rows of
integers of 0..255 that are one more than a square of at least 4 pixels a side are a label and its image, and all else
is a table.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vaebench.data.arrays import settled
from vaebench.data.reading import Array, Reading, decoding, room
from vaebench.errors import VaebenchError

LABELS = ("label", "labels", "class", "target")
SPLIT = "split"
PIXEL = re.compile(r"(?:pixel|pix|px)[ _]?(\d+)|(\d+)x(\d+)", re.IGNORECASE)
SMALLEST = 4  # pixels a side of images in a file without names
FORMS = (lambda name: name, lambda name: Path(name).name, lambda name: Path(name).stem)  # of the name of a file

Row = list[str]


def read_table(path: Path) -> Reading:
    """The images or the table of a CSV file, its labels and splits; raises `VaebenchError`."""
    names, rows = _opened(path)
    if names is None:
        return _nameless(path, _numbers(path, rows))
    apart = [name for name in (_label(path, names), SPLIT) if name in names]
    columns: dict[str, list[str]] = {name: [] for name in apart}
    values = _numbers(path, _without(rows, {names.index(name): columns[name] for name in apart}))
    labels, splits = (
        _typed(path, name, columns[name]) if name in columns else None for name in (_label(path, names), SPLIT)
    )
    left = [name for name in names if name not in apart]
    places = {name: tuple(map(int, filter(None, found.groups()))) for name in left if (found := PIXEL.fullmatch(name))}
    if not places:
        return settled(path, values, labels, splits)
    if others := [name for name in left if name not in places]:
        raise VaebenchError(f"{path}: columns {', '.join(others[:5])} beside pixels: drop them, or name one label")
    pixels = values[:, sorted(range(len(left)), key=list(places.values()).__getitem__)]
    return settled(path, pixels.reshape(-1, 1, *_shape(path, list(places.values()))), labels, splits)


def read_labels(path: Path, files: tuple[str, ...] = ()) -> Array:
    """The labels in a CSV file: its one column or the one of a label's name.

    Where another column names the ``files`` of a folder, with or without their folders and endings, labels are those of
    the same name, else they are in the order of the rows. Raises `VaebenchError`.
    """
    names, rows = _opened(path)
    columns = list(zip(*rows, strict=True))
    names = names or [str(place) for place in range(len(columns))]
    label = names[0] if len(names) == 1 else _label(path, names)
    if label is None:
        raise VaebenchError(f"{path}: columns {', '.join(names)}: name the one of the labels label on top")
    labels = _typed(path, label, columns[names.index(label)])
    if not files or len(names) == 1:
        return labels
    for form, column in itertools.product(FORMS, columns):
        known = [form(name) for name in files]
        places = {name: place for place, name in enumerate(column)}
        if len(set(known)) == len(known) and len(places) == len(column) and places.keys() >= set(known):
            return labels[[places[name] for name in known]]
    raise VaebenchError(
        f"{path}: no column names each of the {len(files)} files of the folder once, such as {files[0]}: add one, or "
        "give labels alone, in the order of the files' names"
    )


def _opened(path: Path) -> tuple[Row | None, Iterator[Row]]:
    """The names on top, if not all of the first line are numbers, and the rows."""
    lines = _lines(path)
    first = next(lines, [])
    if len(first) > 1 and first == [str(place) for place in range(len(first))]:
        raise VaebenchError(f"{path}: the first line, 0, 1..., may be names or numbers: name the columns f0, f1...")
    names = None if all(map(_is_number, first)) else [name.strip() for name in first]
    if names is not None and "" in names:
        raise VaebenchError(
            f"{path}: column {names.index('') + 1} has no name: name it, or write the file without an index"
        )
    if names is not None and len(set(names)) < len(names):
        raise VaebenchError(f"{path}: two columns have one name: give each a name of its own")
    second = next(lines, None) if names else first
    if not second:
        raise VaebenchError(f"{path}: it holds no row: give one row for each image")
    return names, itertools.chain([second], lines)


def _lines(path: Path) -> Iterator[Row]:
    """The cells of all lines but empty ones."""
    room(path, path.stat().st_size * 4)  # a digit and a comma are a number of eight bytes
    with decoding(path, "CSV"), path.open(newline="", encoding="utf-8-sig") as file:
        width = 0
        for line, cells in enumerate(csv.reader(file, strict=True), 1):
            width = width or len(cells)
            if len(cells) not in (0, width):
                raise ValueError(f"{len(cells)} cells in line {line} and {width} in the first")
            if cells:
                yield cells


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _label(path: Path, names: Row) -> str | None:
    found = [name for name in names if name.lower() in LABELS]
    if len(found) > 1:
        raise VaebenchError(f"{path}: {' and '.join(found)} may both be the labels: keep one of them")
    return found[0] if found else None


def _without(rows: Iterator[Row], columns: dict[int, list[str]]) -> Iterator[Row]:
    """Rows without some of their cells, which go to the columns."""
    for row in rows:
        for place, column in columns.items():
            column.append(row[place])
        yield [cell for place, cell in enumerate(row) if place not in columns]


def _numbers(path: Path, rows: Iterator[Row]) -> Array:
    """Rows of numbers, (rows, columns), as integers if all of them are whole."""
    found = []
    for count, row in enumerate(rows, 1):
        try:
            found.append(np.array(row, np.float64))
        except ValueError as error:
            raise VaebenchError(
                f"{path}: row {count}: {error}: give numbers alone, and name the labels' column label on top"
            ) from None
    values = np.stack(found)
    return values.astype(np.int64) if (np.abs(values) < 2**53).all() and (values % 1 == 0).all() else values


def _typed(path: Path, name: str, cells: Sequence[str]) -> Array:
    """A column of integers or else of words."""
    words = np.array(cells, str)
    if (words == "").any():
        raise VaebenchError(f"{path}: column {name} has no value in row {int((words == '').argmax()) + 1}: fill it")
    for kind in (np.int64, np.float64):
        try:
            return words.astype(kind)
        except (ValueError, OverflowError):
            continue
    return words


def _nameless(path: Path, values: Array) -> Reading:
    """Rows of a label and a square image, or of features."""
    side = math.isqrt(values.shape[1] - 1)
    whole = values.dtype.kind == "i" and side >= SMALLEST and side**2 == values.shape[1] - 1
    if whole and values.min() >= 0 and values.max() <= 255:
        return settled(path, values[:, 1:].reshape(-1, 1, side, side), values[:, 0])
    return settled(path, values)


def _shape(path: Path, places: list[tuple[int, ...]]) -> tuple[int, int]:
    """Height and width of images whose pixels have these numbers, or these rows and columns."""
    count = len(places)
    side = math.isqrt(count)
    if {len(place) for place in places} == {2}:
        height, width = (len(set(axis)) for axis in zip(*places, strict=True))
        if height * width == count:
            return height, width
    elif side**2 == count and max(places)[0] - min(places)[0] == count - 1:
        return side, side
    raise VaebenchError(
        f"{path}: {count} pixels a row are no whole square grey image: store images in a .npy, (n, height, width) or "
        "(n, height, width, channels)"
    )
