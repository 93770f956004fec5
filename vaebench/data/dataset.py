"""A prepared dataset in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
from safetensors import safe_open
from torch import Tensor

from vaebench.data.sources import SPLITS, Dataset
from vaebench.files import reading, tag


@dataclass(frozen=True, eq=False)
class Split:
    """``images``, uint8 (n, channels, height, width) in 0..255, and their ``labels``, int64 (n,)."""

    images: Tensor
    labels: Tensor


@dataclass(frozen=True, eq=False)
class Data:
    """A dataset's splits; equal checksums mean equal tensors. ``source`` is what it was prepared from."""

    name: str
    checksum: str
    source: Dataset
    train: Split
    validation: Split
    test: Split


def load(path: str | Path) -> Data:
    """The dataset in a file that `vaebench.data.prepare` wrote; raises `VaebenchError` if it is no such file."""
    mend = "delete it to prepare it again" if Path(path).exists() else "prepare it first"
    with reading(path, "a prepared dataset", mend):
        metadata = tag(path)
        with safe_open(path, framework="pt") as file:
            splits = [Split(file.get_tensor(f"{name}_images"), file.get_tensor(f"{name}_labels")) for name in SPLITS]
        source = msgspec.convert(metadata["source"], Dataset)
        return Data(metadata["name"], metadata["checksum"], source, *splits)
