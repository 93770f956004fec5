"""Datasets looked at before anything is kept of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from vaebench.data.dataset import Data, Split, load
from vaebench.data.download import held
from vaebench.data.prepare import prepare
from vaebench.data.sources import SOURCES, Dataset

FEW = 64  # images in each split of a stand-in


def preview(name: str, dataset: Dataset, raw: Path, mirror: str | None = None) -> Data | None:
    """A dataset as `prepare` would make it; None for a public one whose files are neither in ``raw`` nor in a mirror.

    Raises `VaebenchError`.
    """
    dataset.located(name)
    files = held(name, raw, mirror) if dataset.downloads(name) else None
    if dataset.downloads(name) and files is None:
        return None
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "data.safetensors")
        prepare(name, dataset, files, path)
        return load(path)


def stand_in(name: str, dataset: Dataset) -> Data:
    """Noise in the shape of a public dataset that is not here."""
    noise = torch.randint(256, (FEW, *SOURCES[name].shape), generator=torch.Generator().manual_seed(0))
    split = Split(noise.to(torch.uint8), torch.zeros(FEW, dtype=torch.int64))
    return Data(name, "", dataset, split, split, split)
