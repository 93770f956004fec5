"""Make of any dataset one safetensors file, with the same splits and the same bytes on every machine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from vaebench.data.readers import read_images
from vaebench.data.sources import SOURCES, SPLITS, Dataset
from vaebench.errors import VaebenchError
from vaebench.files import tagged, write

TRAIN = 50_000  # of the 60,000 training images of MNIST and Fashion-MNIST; the rest are for validation
PARTS = 7  # of other datasets validation and test take one part each, as with MNIST; training takes the rest
SMALLEST = 4  # pixels

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


def prepare(name: str, dataset: Dataset, raw: Path | None, output: Path) -> None:
    """Write dataset ``name`` to ``output``: the user's if ``dataset.path`` is set, else the known one of this name.

    ``raw`` is the folder of downloaded files. For each split the file holds ``{split}_images``, uint8 (n, channels,
    height, width), and ``{split}_labels``, int64 (n,); its metadata hold the name, the dataset's settings and a SHA-256
    over the tensors. MNIST and Fashion-MNIST keep their test set and give their last 10,000 training images to
    validation; other datasets are shuffled by one fixed permutation (NumPy's PCG64, seed 0) and split 5/7, 1/7, 1/7.
    ``dataset.limits`` then cuts each split to its first images. Raises `VaebenchError`.
    """
    tensors: dict[str, NDArray[Any]] = {}
    for split, (images, labels) in zip(SPLITS, _splits(name, dataset, raw), strict=True):
        limit = getattr(dataset.limits, split)
        tensors |= {f"{split}_images": images[:limit], f"{split}_labels": labels[:limit]}
    height, width = tensors["train_images"].shape[2:]
    if min(height, width) < SMALLEST:
        raise VaebenchError(
            f"{dataset.path or name}: images of {width}x{height} pixels: give images of at least {SMALLEST}x{SMALLEST}"
        )
    metadata = {"name": name, "checksum": _checksum(tensors), "source": msgspec.to_builtins(dataset)}
    write(output, save(tensors, tagged(metadata)))


def _splits(name: str, dataset: Dataset, raw: Path | None) -> list[tuple[Images, Labels]]:
    """Images and labels of each split, before limits."""
    if dataset.path is not None:
        images, labels = read_images(Path(dataset.path), Path(dataset.labels) if dataset.labels else None)
        if len(images) < PARTS:
            raise VaebenchError(f"{dataset.path}: {len(images)} images cannot be split: give at least {PARTS}")
        return _shuffled(images, labels)
    return _published(name, raw) if dataset.origin(name) == "public" else _shuffled(*_digits())


def _published(name: str, raw: Path | None) -> list[tuple[Images, Labels]]:
    if raw is None:
        raise VaebenchError(f"dataset '{name}' needs the folder of its downloaded files")
    files = [raw / file for file in SOURCES[name].files]
    images, labels = read_images(files[0], files[1])
    if len(images) <= TRAIN:
        raise VaebenchError(f"{files[0]}: {len(images)} images, more than {TRAIN} expected: download it again")
    return [(images[:TRAIN], labels[:TRAIN]), (images[TRAIN:], labels[TRAIN:]), read_images(files[2], files[3])]


def _digits() -> tuple[Images, Labels]:
    """scikit-learn's 1,797 digits of 8x8 pixels, 0..16 rounded to 0..255."""
    # Imported here because it takes a second and only these images need it.
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.rint(digits.images * 255 / 16).astype(np.uint8)[:, None], digits.target.astype(np.int64)


def _shuffled(images: Images, labels: Labels) -> list[tuple[Images, Labels]]:
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(images))
    part = len(images) // PARTS
    train = len(images) - 2 * part
    return [(images[chosen], labels[chosen]) for chosen in np.split(order, [train, train + part])]


def _checksum(tensors: dict[str, NDArray[Any]]) -> str:
    """SHA-256 over each tensor's name, type, shape and bytes, in the order of names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
        digest.update(tensor.data)
    return digest.hexdigest()
