"""A dataset's card: what was found, in numbers, to be looked at before an hour is spent on it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from vaebench.data.dataset import Data
from vaebench.data.sources import SPLITS
from vaebench.errors import printable

BINS = 16  # of the histogram of values
SHOWN = 10  # features, classes and reasons that the lines name one by one
CHUNK = 1000  # images
BARS = "▁▂▃▄▅▆▇█"

Values = NDArray[Any]


def card(data: Data) -> dict[str, Any]:
    """Plain facts of a dataset, over all of its splits where none is named.

    ``histogram`` is the fraction of values in each sixteenth of [0, 1], of real numbers in each of their range. A table
    has ``features``: mean, standard deviation, least and greatest value of each.
    """
    images = {split: getattr(data, split).images.numpy() for split in SPLITS}
    labels = {split: getattr(data, split).labels.numpy() for split in SPLITS}
    found = [np.unique(each, return_counts=True) for each in labels.values()]
    return {
        "name": data.name,
        "source": msgspec.to_builtins(data.source),
        "fingerprint": data.fingerprint,
        "checksum": data.checksum,
        "shape": list(data.shape),
        "type": str(images["train"].dtype),
        "scale": data.scale,
        "images": {split: len(each) for split, each in images.items()},
        "skipped": dict(data.skipped),
        "duplicates": duplicates(images),
        "classes": {
            split: {data.class_name(label): count for label, count in zip(*map(np.ndarray.tolist, each), strict=True)}
            for split, each in zip(SPLITS, found, strict=True)
        },
        **({"factors": _factors(data)} if data.factors else {}),
        **_values(images, (0.0, 1.0) if data.scale == "unit" else None),
        **(_features(images) if data.shape[1:] == (1, 1) else {}),
    }


def duplicates(images: Mapping[str, Values]) -> dict[str, int]:
    """Images that are equal, value for value, to one before them in their split, or to one of an earlier split.

    The keys are ``train``... and ``test in train``...
    """
    prints = {
        split: [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in each]
        for split, each in images.items()
    }
    sets = {split: set(each) for split, each in prints.items()}
    found = {split: len(each) - len(sets[split]) for split, each in prints.items()}
    pairs = itertools.combinations(prints, 2)
    return found | {f"{later} in {first}": sum(one in sets[first] for one in prints[later]) for first, later in pairs}


def _values(images: Mapping[str, Values], bounds: tuple[float, float] | None) -> dict[str, Any]:
    """Range, mean and histogram, between ``bounds`` if given, of all values, bytes over 255."""
    parts = [each[at : at + CHUNK] for each in images.values() for at in range(0, len(each), CHUNK)]
    unit = 255.0 if parts[0].dtype == np.uint8 else 1.0
    least = float(min(part.min() for part in parts)) / unit
    greatest = float(max(part.max() for part in parts)) / unit
    counts, total = np.zeros(BINS, np.int64), 0.0
    for part in parts:
        counts += np.histogram(part / np.float64(unit), BINS, bounds or (least, greatest))[0]
        total += float(part.sum(dtype=np.float64)) / unit
    count = int(counts.sum())
    return {"range": [least, greatest], "mean": total / count, "histogram": (counts / count).tolist()}


def _factors(data: Data) -> dict[str, int]:
    """How many values each factor takes."""
    values = np.concatenate([getattr(data, split).factors.numpy() for split in SPLITS])
    return {name: len(np.unique(column)) for name, column in zip(data.factors, values.T, strict=True)}


def _features(images: Mapping[str, Values]) -> dict[str, Any]:
    table = np.concatenate([each.reshape(len(each), -1) for each in images.values()]).astype(np.float64)
    columns = table.mean(0), table.std(0), table.min(0), table.max(0)
    return {
        "features": dict(zip(("mean", "deviation", "least", "greatest"), map(np.ndarray.tolist, columns), strict=True))
    }


def found(card: Mapping[str, Any]) -> list[str]:
    """How many images there are, how many were skipped and why, and how many are there twice, in words."""
    channels, height, width = card["shape"]
    images = f"images of {width}x{height} pixels, {channels} channel{'s' * (channels != 1)}"
    what = f"rows of {channels} features" if "features" in card else images
    values = {"unit": "in [0, 1]", "real": "real numbers"}[card["scale"]]
    splits = ", ".join(f"{count} {split}" for split, count in card["images"].items())
    told = [f"{sum(card['images'].values())} {what}, {card['type']}, {values}: {splits}"]
    if skipped := card["skipped"]:
        told.append(
            f"{sum(skipped.values())} skipped: {_several([f'{count} {why}' for why, count in skipped.items()])}"
        )
    twice = {where if " in " in where else f"within {where}": count for where, count in card["duplicates"].items()}
    words = ", ".join(f"{count} {where}" for where, count in twice.items() if count)
    return [printable(line) for line in (*told, f"exact duplicates: {words or 'none'}")]


def lines(card: Mapping[str, Any]) -> list[str]:
    """A card in words, for a terminal."""
    told = found(card)
    least, greatest = card["range"]
    told.append(f"values {least:.4g} to {greatest:.4g}, mean {card['mean']:.4g} |{_bars(card['histogram'])}|")
    if "features" in card:
        columns = itertools.islice(zip(*card["features"].values(), strict=True), SHOWN)
        told += [
            f"feature {i}: {mean:.4g} ± {deviation:.4g}, {low:.4g} to {high:.4g}"
            for i, (mean, deviation, low, high) in enumerate(columns)
        ]
    classes = {name: None for split in card["classes"].values() for name in split}
    if len(classes) > 1:
        counts = [[split.get(name, 0) for split in card["classes"].values()] for name in classes]
        told.append(
            f"{len(classes)} classes (train/validation/test): "
            + _several([f"{name} {'/'.join(map(str, each))}" for name, each in zip(classes, counts, strict=True)])
        )
    if "factors" in card:
        told.append(f"factors: {', '.join(f'{name} of {count} values' for name, count in card['factors'].items())}")
    told.append(f"checksum {card['checksum'][:16]}, files {card['fingerprint'][:16]}")
    return [printable(line) for line in told]


def _several(words: list[str]) -> str:
    """The first few, and how many more there are."""
    return ", ".join(words[:SHOWN]) + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")


def _bars(fractions: list[float]) -> str:
    """A bar for each fraction, by its square root so that a rare grey is seen; nothing for none."""
    top = max(fractions) ** 0.5
    return "".join(BARS[round(value**0.5 / top * (len(BARS) - 1))] if value else " " for value in fractions)
