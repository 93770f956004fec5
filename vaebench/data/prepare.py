"""Make of any dataset one safetensors file, with the same splits and the same bytes on every machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from vaebench.data.arrays import joined
from vaebench.data.dataset import checksum
from vaebench.data.idx import read_idx
from vaebench.data.readers import read
from vaebench.data.reading import Reading
from vaebench.data.shapes import shapes
from vaebench.data.sources import SOURCES, SPLITS, Dataset
from vaebench.errors import VaebenchError
from vaebench.files import tagged, write

PARTS = 7  # of data without splits: validation and test take one part each, as with MNIST; training takes the rest
SMALLEST = 4  # pixels

Places = NDArray[np.int64]


def prepare(name: str, dataset: Dataset, raw: Path | None, output: Path, code: str = "") -> None:
    """Write dataset ``name`` to ``output``: the user's if ``dataset.path`` is set, else the known one of this name.

    ``raw`` is the folder of downloaded files. Raises `VaebenchError`.
    """
    fingerprint = dataset.fingerprint(name)  # before the files are read: a later change of them is seen
    store(name, dataset, _reading(name, dataset, raw), output, fingerprint, code)


def store(name: str, dataset: Dataset, reading: Reading, output: Path, fingerprint: str = "", code: str = "") -> None:
    """Write what was read to ``output``, in splits; without a fingerprint of files it is the checksum of the tensors.

    For each split the file holds ``{split}_images``, uint8 or float32 (n, channels, height, width), and
    ``{split}_labels``, int64 (n,); of data with known factors also ``{split}_factors``, int64 (n, factors), and their
    names in the metadata. These hold the name, the dataset's settings, what else the reading says, and a SHA-256 over
    the tensors. Data without splits of their own are shuffled by one fixed permutation (NumPy's PCG64,
    seed 0) and split 5/7, 1/7, 1/7. Of data with a test set and no validation the last sixth of the training images is
    for validation (as are MNIST's last 10,000), after such a permutation where the labels come sorted.
    ``dataset.limits`` then cuts each split to its first images. Raises `VaebenchError`.
    """
    where = dataset.path or name
    height, width = reading.images.shape[2:]
    if reading.scale == "unit" and min(height, width) < SMALLEST:
        raise VaebenchError(
            f"{where}: images of {width}x{height} pixels: give images of at least {SMALLEST}x{SMALLEST}"
        )
    tensors: dict[str, NDArray[Any]] = {}
    for split, places in zip(SPLITS, _split(where, reading), strict=True):
        chosen = places[: getattr(dataset.limits, split)]
        images = np.ascontiguousarray(reading.images[chosen])
        tensors |= {f"{split}_images": images, f"{split}_labels": reading.labels[chosen]}
        if reading.factors:
            tensors[f"{split}_factors"] = np.stack([values[chosen] for values in reading.factors.values()], 1)
    found = checksum(tensors)
    metadata = {
        "name": name,
        "checksum": found,
        "source": msgspec.to_builtins(dataset),
        "fingerprint": fingerprint or found,
        "code": code,
        "scale": reading.scale,
        "classes": reading.classes,
        "skipped": dict(reading.skipped),
        **({"factors": [*reading.factors]} if reading.factors else {}),
    }
    write(output, save(tensors, tagged(metadata)))


def _reading(name: str, dataset: Dataset, raw: Path | None) -> Reading:
    match dataset.origin(name):
        case "own":
            return read(*dataset.paths().values())
        case "public":
            return _published(name, raw)
        case "embedded":
            return _digits() if name == "digits" else shapes()


def _published(name: str, raw: Path | None) -> Reading:
    if raw is None:
        raise VaebenchError(f"dataset '{name}' needs the folder of its downloaded files")
    arrays = [read_idx(raw / file) for file in SOURCES[name].files]
    reading = joined(name, {"train": (arrays[0], arrays[1]), "test": (arrays[2], arrays[3])})
    return replace(reading, classes=SOURCES[name].classes)


def _digits() -> Reading:
    """scikit-learn's 1,797 digits of 8x8 pixels, 0..16 rounded to 0..255."""
    # Imported here because it takes a second and only these images need it.
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * 255 / 16).astype(np.uint8)[:, None]
    return Reading(images, digits.target.astype(np.int64))


def _split(where: str, reading: Reading) -> list[Places]:
    """Which images are of each of `SPLITS`, in order."""
    count = len(reading.images)
    if reading.splits is None:
        if count < PARTS:
            raise VaebenchError(f"{where}: {count} images cannot be split: give at least {PARTS}")
        part = count // PARTS
        return np.split(_permutation(count), [count - 2 * part, count - part])
    train, validation, test = (np.flatnonzero(reading.splits == place) for place in range(len(SPLITS)))
    if not (len(train) and len(test)):
        raise VaebenchError(f"{where}: {len(train)} train and {len(test)} test images: give some of both")
    if not len(validation):
        part = len(train) // (PARTS - 1)
        if not part:
            raise VaebenchError(f"{where}: {len(train)} train images leave none for validation: give some for it")
        if (np.diff(reading.labels[train]) >= 0).all():
            train = train[_permutation(len(train))]
        train, validation = train[:-part], train[-part:]
    return [train, validation, test]


def _permutation(count: int) -> Places:
    return np.random.Generator(np.random.PCG64(0)).permutation(count)
