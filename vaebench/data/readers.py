"""Read images and labels from whatever a user has: files of arrays, CSV, IDX, folders of images."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from vaebench.data import archives, arrays, tables
from vaebench.data.folders import read_folder
from vaebench.data.idx import read_idx
from vaebench.data.reading import Array, Reading
from vaebench.errors import VaebenchError


def read(path: Path, labels: Path | None = None) -> Reading:
    """The dataset in one of these forms:

    - ``.npy`` and ``.npz``: see `vaebench.data.archives` for layouts and `vaebench.data.arrays` for shapes and values;
    - ``.csv``: see `vaebench.data.tables`;
    - IDX: a name that ends in ``ubyte``, ``ubyte.gz`` or ``.idx``;
    - a folder of images: see `vaebench.data.folders`.

    The file ``labels``, in any of these forms but a folder, goes before labels beside the images. Raises
    `VaebenchError`.
    """
    reading = _read(path)
    if labels is None:
        return reading
    column = arrays.column(labels, _labels(labels, reading), len(reading.images))
    numbers, classes = arrays.numbered(labels, column)
    return dataclasses.replace(reading, labels=numbers, classes=classes)


def _read(path: Path) -> Reading:
    _check_exists(path)
    if path.is_dir():
        return read_folder(path)
    if _is_idx(path):
        images = read_idx(path)
        return arrays.settled(path, images[:, None] if images.ndim == 3 else images)
    if path.suffix in (".npy", ".npz"):
        return archives.read_archive(path)
    if path.suffix == ".csv":
        return tables.read_table(path)
    raise VaebenchError(f"{path}: unknown form of dataset: give a .npy, .npz, .csv or IDX file, or a folder of images")


def _labels(path: Path, reading: Reading) -> Array:
    _check_exists(path)
    if _is_idx(path):
        return read_idx(path)
    if path.suffix in (".npy", ".npz"):
        return archives.read_labels(path)
    if path.suffix == ".csv":
        return tables.read_labels(path, reading.files)
    raise VaebenchError(f"{path}: unknown form of labels: give a .npy, .npz, .csv or IDX file")


def _is_idx(path: Path) -> bool:
    return path.name.endswith(("ubyte", "ubyte.gz", ".idx"))


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise VaebenchError(f"{path}: no such file or folder: mend the path in the configuration")
    if not path.is_file() and not path.is_dir():
        raise VaebenchError(f"{path}: neither a file nor a folder: store what it gives in a file")
