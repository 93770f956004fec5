"""A prepared dataset in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor

from vaebench.data.sources import SPLITS, Dataset
from vaebench.files import reading, tag


@dataclass(frozen=True, eq=False)
class Split:
    """``images`` (n, channels, height, width), ``labels``, int64 (n,), and perhaps ``factors``, int64 (n, factors).

    Images are bytes, of which 255 is white, or float32: see `Data.scale`.
    """

    images: Tensor
    labels: Tensor
    factors: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Data:
    """A dataset's splits; equal checksums mean equal tensors.

    ``source`` is what it was prepared from, and ``fingerprint`` that of the files when they were read.

    Values of scale "unit" lie in [0, 1] (bytes over 255, or floats as they are), those of scale "real" anywhere. A
    table (n, features) is held as images (n, features, 1, 1). ``classes`` name the labels 0, 1... if the data do, and
    ``skipped`` counts what was found beside the images and left out, by reason. ``factors`` names the factors of
    variation whose values the splits hold, if they are known.
    """

    name: str
    checksum: str
    source: Dataset
    train: Split
    validation: Split
    test: Split
    scale: Literal["unit", "real"] = "unit"
    classes: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    fingerprint: str = ""
    factors: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        _, *shape = self.train.images.shape
        return shape[0], shape[1], shape[2]

    def class_name(self, label: int) -> str:
        """What the data call a label: the label itself if they do not name it."""
        return self.classes[label] if 0 <= label < len(self.classes) else str(label)


def checksum(tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over each tensor's name, type, shape and bytes, in the order of names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
        digest.update(tensor.data)
    return digest.hexdigest()


def load(path: str | Path) -> Data:
    """The dataset in a file that `vaebench.data.prepare` wrote, its checksum computed again.

    Raises `VaebenchError` if it is no such file, or not as it was written.
    """
    with _reading(path):
        metadata = tag(path)
        factors = tuple(metadata.get("factors", ()))
        kinds = ("images", "labels", "factors") if factors else ("images", "labels")
        with safe_open(path, framework="pt") as file:
            tensors = {f"{name}_{kind}": file.get_tensor(f"{name}_{kind}") for name in SPLITS for kind in kinds}
        if checksum({name: tensor.numpy() for name, tensor in tensors.items()}) != metadata["checksum"]:
            raise ValueError("its images are not of its checksum")
        train, validation, test = (Split(*(tensors[f"{name}_{kind}"] for kind in kinds)) for name in SPLITS)
        return Data(
            metadata["name"],
            metadata["checksum"],
            msgspec.convert(metadata["source"], Dataset),
            train,
            validation,
            test,
            scale=metadata["scale"],
            classes=tuple(metadata["classes"]),
            skipped=metadata["skipped"],
            fingerprint=metadata["fingerprint"],
            factors=factors,
        )


def current(path: str | Path, source: Dataset, fingerprint: str, code: str) -> bool:
    """Whether a prepared file is of this source, of files of this fingerprint, and by this code. Raises as `load`."""
    with _reading(path):
        found = tag(path)
        facts = {"source": msgspec.to_builtins(source), "fingerprint": fingerprint, "code": code}
        return {name: found.get(name) for name in facts} == facts


def _reading(path: str | Path) -> AbstractContextManager[None]:
    mend = "delete it to prepare it again" if Path(path).exists() else "prepare it first"
    return reading(path, "a prepared dataset", mend)
