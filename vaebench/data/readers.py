"""Read images and labels from files: IDX, NumPy's formats and folders of images."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vaebench.errors import VaebenchError, one_line

UNSIGNED_BYTE = 0x08  # IDX's code of the one element type that image datasets use


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array, of any rank, in an IDX file of unsigned bytes, gzipped or plain.

    Raises `VaebenchError` if the file is missing, truncated, overlong, garbled or of another element type.
    """
    with _naming(path, "IDX"):
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        if len(content) < 4 or not content.startswith(b"\0\0"):
            raise ValueError("it does not begin as IDX files do")
        kind, rank = content[2], content[3]
        if kind != UNSIGNED_BYTE:
            raise ValueError(f"elements of type 0x{kind:02x}, only unsigned bytes, 0x08, are supported")
        start = 4 + 4 * rank
        shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
        if len(content) != start + math.prod(shape):
            raise ValueError(f"{len(content)} bytes, {start + math.prod(shape)} expected")
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def read_images(path: Path, labels: Path | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (n, channels, height, width) in 0..255 and labels (n,) of a dataset in one of these forms:

    - ``.npy``, or ``.npz`` with ``images`` and perhaps ``labels``; nothing pickled is loaded;
    - IDX: a name that ends in ``ubyte``, ``ubyte.gz`` or ``.idx``;
    - a folder of images, all of one size: in subfolders, one per class, or flat, in the order of their names. Where
      every image is grey there is one channel, else three; transparency is dropped.

    Arrays are (n, height, width), (n, height, width, channels) or (n, channels, height, width) with 1 or 3 channels, of
    uint8 or of floats in [0, 1]. The file ``labels``, in any of these forms, goes before labels beside the images;
    without either, labels are 0. Raises `VaebenchError`.
    """
    images, found = _read(path)
    images = _bytes(path, _channels_first(path, images))
    if labels is not None:
        found = _read(labels)[0]
    elif found is None:
        found = np.zeros(len(images), np.int64)
    if found.shape != (len(images),) or found.dtype.kind not in "iu":
        raise VaebenchError(
            f"{labels or path}: labels are {found.dtype} of shape {found.shape}: give one integer for each of the "
            f"{len(images)} images"
        )
    return images, found.astype(np.int64)


@contextmanager
def _naming(path: Path, form: str) -> Iterator[None]:
    """Whatever a decoder raises, as a `VaebenchError` that names the file."""
    try:
        yield
    except VaebenchError:
        raise
    except Exception as error:  # foreign files make decoders raise errors of every kind
        raise VaebenchError(f"{path}: cannot be read as {form} ({one_line(error)})") from error


def _read(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The array in a file or folder, and the labels if they are in the same place."""
    if not path.exists():
        raise VaebenchError(f"{path}: no such file or folder: mend the path in the configuration")
    if path.is_dir():
        return _read_folder(path)
    if path.name.endswith(("ubyte", "ubyte.gz", ".idx")):
        return read_idx(path), None
    if path.suffix not in (".npy", ".npz"):
        raise VaebenchError(f"{path}: unknown form of dataset: give a .npy, .npz or IDX file, or a folder of images")
    with _naming(path, "NumPy arrays"), path.open("rb") as file:
        loaded = np.load(file, allow_pickle=False)
        return (loaded, None) if isinstance(loaded, np.ndarray) else (loaded["images"], loaded.get("labels"))


def _read_folder(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images (n, height, width, channels) and labels of a folder."""
    # torchvision brings torch, which takes seconds to import and which no other form needs.
    from torchvision.datasets.folder import IMG_EXTENSIONS, ImageFolder

    with _naming(path, "a folder of images"):
        entries = sorted(path.iterdir())
        if any(entry.is_dir() for entry in entries):
            samples = ImageFolder(path).samples
        else:
            samples = [(str(entry), 0) for entry in entries if entry.suffix.lower() in IMG_EXTENSIONS]
        if not samples:
            raise ValueError(f"it holds no file in {', '.join(IMG_EXTENSIONS)}")
    files, labels = zip(*samples, strict=True)
    first = _decode(files[0])
    images = np.empty((len(files), *first.shape), np.uint8)
    grey = True
    for index, file in enumerate(files):
        image = _decode(file)
        if image.shape != first.shape:
            raise VaebenchError(
                f"{file}: {image.shape[1]}x{image.shape[0]} pixels where {files[0]} has "
                f"{first.shape[1]}x{first.shape[0]}: bring all images to one size"
            )
        grey = grey and bool((image == image[..., :1]).all())
        images[index] = image
    return images[..., :1] if grey else images, np.array(labels)


def _decode(file: str) -> NDArray[np.uint8]:
    """An image (height, width, 3)."""
    with _naming(Path(file), "an image"), Image.open(file) as image:
        if image.mode.startswith(("I", "F")):
            raise ValueError("it has more than 8 bits per channel: store it with 8")
        return np.asarray(image.convert("RGB"))


def _channels_first(path: Path, images: NDArray[Any]) -> NDArray[Any]:
    shape = images.shape
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and shape[3] in (1, 3):
        images = np.moveaxis(images, 3, 1)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or not images.size:
        raise VaebenchError(
            f"{path}: shape {shape} is none of (n, height, width), (n, height, width, channels) and "
            "(n, channels, height, width) with n >= 1 and 1 or 3 channels"
        )
    return images


def _bytes(path: Path, images: NDArray[Any]) -> NDArray[np.uint8]:
    if images.dtype.kind == "f":
        # Written so that not-a-number fails too.
        if not (images.min() >= 0 and images.max() <= 1):
            raise VaebenchError(f"{path}: floats from {images.min():g} to {images.max():g}: scale them to [0, 1]")
        images = np.rint(images * 255).astype(np.uint8)
    if images.dtype != np.uint8:
        raise VaebenchError(f"{path}: images of type {images.dtype}: store uint8, or floats in [0, 1]")
    return np.ascontiguousarray(images)
