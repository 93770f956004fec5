"""NumPy's files, in the layouts that people have; nothing pickled is loaded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from vaebench.data.arrays import ALIASES, Part, joined, settled
from vaebench.data.reading import Array, Reading, decoding, room
from vaebench.errors import VaebenchError

# Of a split called "val", say: images and labels as Keras has them (x_val, y_val), and as MedMNIST has (val_images...).
LAYOUTS = (("x_{}", "y_{}"), ("{}_images", "{}_labels"))


def read_archive(path: Path) -> Reading:
    """The images or the table of a ``.npy``, or of a ``.npz`` in one of these layouts, in capitals or not:

    - ``images``, perhaps ``labels``, and perhaps ``split``, each image's own;
    - ``x_train``, ``x_test``, and perhaps ``x_val`` (``x_valid``, ``x_validation``), with or without ``y_train``...;
    - ``train_images``, ``test_images``, and perhaps ``val_images``..., with or without ``train_labels``....

    Other arrays of a ``.npz`` are skipped. Raises `VaebenchError`.
    """
    with decoding(path, "NumPy arrays"), path.open("rb") as file:
        loaded = _opened(path, file)
        return settled(path, loaded) if isinstance(loaded, np.ndarray) else _read(path, loaded)


def read_labels(path: Path) -> Array:
    """The labels in a ``.npy``, or in a ``.npz`` that calls them ``labels`` or holds nothing else."""
    with decoding(path, "NumPy arrays"), path.open("rb") as file:
        loaded = _opened(path, file)
        if isinstance(loaded, np.ndarray):
            return loaded
        name = "labels" if "labels" in loaded or len(loaded) != 1 else next(iter(loaded))
        if name not in loaded:
            raise VaebenchError(f"{path}: no labels among its arrays {_listed(loaded)}: name one labels")
        return loaded[name]


class _Arrays(Mapping[str, Array]):
    """The arrays of a ``.npz``, each read when it is asked for, if memory holds what the archive says of its length."""

    def __init__(self, path: Path, loaded: NpzFile) -> None:
        self.path, self.loaded = path, loaded
        self.sizes = {info.filename: info.file_size for info in loaded.zip.infolist()} if loaded.zip else {}

    def __getitem__(self, name: str) -> Array:
        room(self.path, self.sizes.get(name) or self.sizes[f"{name}.npy"])
        return self.loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.loaded)

    def __len__(self) -> int:
        return len(self.loaded)


def _opened(path: Path, file: BufferedReader) -> Array | _Arrays:
    """One array, or those of an archive, unread."""
    if not file.peek(2).startswith(b"PK"):
        room(path, path.stat().st_size)
    loaded = np.load(file, allow_pickle=False)
    return loaded if isinstance(loaded, np.ndarray) else _Arrays(path, loaded)


def _read(path: Path, loaded: Mapping[str, Array]) -> Reading:
    keys = {key.lower(): key for key in loaded}
    if "images" in keys:
        used = [keys.get(name) for name in ("images", "labels", "split")]
        images, labels, split = (None if key is None else loaded[key] for key in used)
        assert images is not None
        return settled(path, images, labels, split, _others(loaded, used))
    for layout in LAYOUTS:
        parts: dict[str, Part] = {}
        used = []
        for alias, name in ALIASES.items():
            pair = [keys.get(form.format(alias)) for form in layout]
            if pair[0] is not None and name not in parts:
                parts[name] = loaded[pair[0]], None if pair[1] is None else loaded[pair[1]]
                used += pair
        if "train" in parts:
            return joined(path, parts, _others(loaded, used))
    raise VaebenchError(
        f"{path}: no images among its arrays {_listed(loaded)}: name them images (and labels, split), or x_train, "
        "y_train, x_test, y_test"
    )


def _others(loaded: Mapping[str, Array], used: Collection[str | None]) -> dict[str, int]:
    return {f"array {key}": 1 for key in loaded if key not in used}


def _listed(loaded: Mapping[str, Array]) -> str:
    return ", ".join(loaded) or "(none)"
