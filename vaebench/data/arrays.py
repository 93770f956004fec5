"""From arrays as people have them to a `Reading`: order of the axes, values, labels and splits.

Images are (n, height, width), (n, height, width, channels) or (n, channels, height, width); a table is (n, features).
Their rules, none of which is a guess in silence:

- *Axes.* The channels are the one axis that is shorter than height and width. Three axes of which the first two are
  equal, or of which the last is the longest and not equal to the second, may be (height, width, n), the order of
  MATLAB: they are refused with the transpose to apply, and with an axis for the one channel they are taken at their
  word.
- *Values.* Booleans, and integers that are 0 and 1 alone, are black and white. Other integers of 0..255 are grey
  values; beyond that uint16 is taken over 65535. Floats lie in [0, 1] and keep float32's precision; where all of them
  are k / 255 they are kept as these bytes, which give the same floats. A table has any finite numbers, as float32.
- *Labels.* One integer or word per image, in one axis, one column, or as one-hot rows. Words become their places
  among the sorted words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaebench.data.reading import Array, Reading, Where
from vaebench.data.sources import SPLITS
from vaebench.errors import VaebenchError, one_line

ALIASES = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
NUMBERS, WORDS = "biuf", "UST"  # kinds of NumPy's types
Part = tuple[Array, Array | None]  # images and perhaps their labels


def settled(
    where: Where,
    images: Array,
    labels: Array | None = None,
    splits: Array | None = None,
    skipped: Mapping[str, int] | None = None,
) -> Reading:
    """A reading of images or of a table, in any of the forms above; without labels they are 0.

    ``splits`` are the names of splits or their places in `SPLITS`. Raises `VaebenchError`.
    """
    if images.ndim < 2 or not images.size:
        raise VaebenchError(
            f"{where}: shape {images.shape}, of type {images.dtype}: give at least one image, as (n, height, width), "
            "(n, height, width, channels) or (n, channels, height, width), or a table (n, features)"
        )
    _check_numbers(where, images)
    count, table = len(images), images.ndim == 2
    numbers, classes = numbered(where, np.zeros(count, int) if labels is None else column(where, labels, count))
    return Reading(
        _table(where, images)[..., None, None] if table else grey(where, _channels_first(where, images)),
        numbers,
        "real" if table else "unit",
        classes,
        None if splits is None else placed(where, splits, count),
        skipped=skipped or {},
    )


def joined(where: Where, parts: Mapping[str, Part], skipped: Mapping[str, int] | None = None) -> Reading:
    """A reading of data that come in splits: images and labels by the split's name. Raises `VaebenchError`."""
    first, (images, _) = next(iter(parts.items()))
    for name, (others, _) in parts.items():
        if others.shape[1:] != images.shape[1:] or not others.ndim:
            raise VaebenchError(
                f"{where}: {name} of shape {others.shape} beside {first} of {images.shape}: bring all images to one "
                "size and order of axes"
            )
        _check_numbers(where, others)
        if others.ndim == 3:
            _check_order(where, others)
    without = [name for name, (_, labels) in parts.items() if labels is None]
    if 0 < len(without) < len(parts):
        raise VaebenchError(f"{where}: no labels of {' and '.join(without)}: give labels to all splits or to none")
    labels = [
        column(f"{where}: {name}", given, len(part)) for name, (part, given) in parts.items() if given is not None
    ]
    if len({found.dtype.kind in NUMBERS for found in labels}) > 1:
        raise VaebenchError(f"{where}: labels are numbers in one split and words in another: give one of them")
    return settled(
        where,
        np.concatenate([part for part, _ in parts.values()]),
        np.concatenate(labels) if labels else None,
        np.repeat(list(parts), [len(part) for part, _ in parts.values()]),
        skipped,
    )


def held(where: Where, images: Any, labels: Any = None, **splits: Any) -> Reading:
    """A reading of what is in memory: arrays of NumPy or torch, or what NumPy makes one of.

    ``splits`` are the data's own ``validation`` and ``test``: images, or (images, labels). Raises `VaebenchError`.
    """
    pairs = {name: split if isinstance(split, tuple) else (split, None) for name, split in splits.items()}
    parts: dict[str, Part] = {}
    for name, pair in {"train": (images, labels), **pairs}.items():
        if len(pair) != 2:
            raise VaebenchError(f"{where}: {name} of {len(pair)} parts: give images, or (images, labels)")
        parts[name] = _array(where, pair[0]), None if pair[1] is None else _array(where, pair[1])
    return joined(where, parts) if splits else settled(where, *parts["train"])


def column(where: Where, labels: Array, count: int) -> Array:
    """One label per image, (count,), from one axis, one column or one-hot rows."""
    if labels.ndim == 2 and labels.shape[1] > 1 and _one_hot(labels):
        labels = labels.argmax(1)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and len(labels) == count:
        raise VaebenchError(f"{where}: labels are {labels.shape[1]} columns: keep one of them, such as labels[:, 0]")
    if labels.shape != (count,):
        raise VaebenchError(
            f"{where}: labels are {labels.dtype} of shape {labels.shape}: give one integer or word for each of the "
            f"{count} images"
        )
    if labels.dtype.kind in WORDS:
        return _text(labels)
    if labels.dtype.kind not in NUMBERS:
        raise VaebenchError(f"{where}: labels are {labels.dtype}: give one integer or word for each image")
    return labels


def numbered(where: Where, labels: Array) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A `column` of labels as integers, and the names of 0, 1... if they are words."""
    if labels.dtype.kind not in NUMBERS:
        names, numbers = np.unique(labels, return_inverse=True)
        return numbers.astype(np.int64), tuple(names.tolist())
    with np.errstate(invalid="ignore"):
        numbers = labels.astype(np.int64)
    if not np.array_equal(numbers, labels):
        raise VaebenchError(
            f"{where}: labels are {labels.dtype} and not all whole: give one integer or word for each image"
        )
    return numbers, ()


def placed(where: Where, splits: Array, count: int) -> NDArray[np.int64]:
    """Splits (count,) as places in `SPLITS`, from such places or from names."""
    places = {alias: SPLITS.index(name) for alias, name in ALIASES.items()}
    if splits.shape == (count,):
        if splits.dtype.kind in "iu" and np.isin(splits, range(len(SPLITS))).all():
            return splits.astype(np.int64)
        if splits.dtype.kind in WORDS:
            names, inverse = np.unique(_text(splits), return_inverse=True)
            if all(name.lower() in places for name in names):
                return np.array([places[name.lower()] for name in names])[inverse]
    raise VaebenchError(
        f"{where}: split is {splits.dtype} of shape {splits.shape}: give for each of the {count} images one of "
        f"{', '.join(SPLITS)}, or 0, 1, 2"
    )


def grey(where: Where, images: Array) -> Array:
    """Values of images, of any shape, as uint8, or as float32 in [0, 1]; raises `VaebenchError`."""
    kind = images.dtype.kind
    if kind == "b":
        return images.astype(np.uint8) * 255
    if kind == "f":
        _check_finite(where, images)
    low, high = images.min(), images.max()
    if kind == "f":
        if low < 0 or high > 1:
            raise VaebenchError(
                f"{where}: floats from {low:g} to {high:g}: scale them to [0, 1] (grey values of 0..255 by / 255, "
                "values of -1..1 by / 2 + 0.5)"
            )
        images = images.astype(np.float32)
        whole = np.rint(images * 255)
        return whole.astype(np.uint8) if np.array_equal(whole / 255, images) else images
    if low >= 0 and high <= 255:
        return images.astype(np.uint8) * (255 if high <= 1 else 1)
    if kind == "u" and images.dtype.itemsize == 2:
        return images.astype(np.float32) / 65535
    raise VaebenchError(
        f"{where}: {images.dtype} from {low} to {high}: give integers of 0..255, uint16, or floats in [0, 1] (divide "
        "by the value of white)"
    )


def _array(where: Where, value: Any) -> Array:
    """An array of NumPy from one of any library, or from lists."""
    if np.ma.is_masked(value):
        raise VaebenchError(f"{where}: an array with masked values: fill them or leave out their images")
    try:
        return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise VaebenchError(
            f"{where}: {type(value).__name__} is no array ({one_line(error)}): give an array of NumPy"
        ) from None


def _text(words: Array) -> Array:
    return np.char.decode(words, "utf-8", "replace") if words.dtype.kind == "S" else words.astype(str)


def _one_hot(labels: Array) -> bool:
    return bool(labels.dtype.kind in "biuf" and ((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all())


def _check_order(where: Where, images: Array) -> None:
    """Raise `VaebenchError` if three axes may be (height, width, n)."""
    first, second, last = images.shape
    if first == second or (second != last and last > first):
        raise VaebenchError(
            f"{where}: shape {images.shape} looks like (height, width, n): apply np.moveaxis(images, -1, 0), or, if it "
            "is (n, height, width), say so by an axis for the one channel: images[:, None]"
        )


def _channels_first(where: Where, images: Array) -> Array:
    if images.ndim == 3:
        _check_order(where, images)
        return images[:, None]
    if images.ndim == 4:
        _, first, middle, last = images.shape
        if first < min(middle, last):
            return images
        if last < min(first, middle):
            return np.moveaxis(images, 3, 1)
        if middle < min(first, last):
            raise VaebenchError(
                f"{where}: shape {images.shape} looks like (height, width, channels, n): apply "
                "np.moveaxis(images, -1, 0)"
            )
    raise VaebenchError(
        f"{where}: shape {images.shape} is none of (n, height, width), (n, height, width, channels) and (n, channels, "
        "height, width) with fewer channels than pixels a side: transpose or reshape the images"
    )


def _check_numbers(where: Where, images: Array) -> None:
    """Raise `VaebenchError` if there are other things than real numbers."""
    if images.dtype.kind not in NUMBERS:
        raise VaebenchError(f"{where}: images of type {images.dtype}: give bytes, uint16, or floats")


def _check_finite(where: Where, images: Array) -> None:
    """Raise `VaebenchError` if there are values that are no numbers, or not finite."""
    good = np.isfinite(images)
    if not good.all():
        count = len(images)
        rows = np.flatnonzero(~good.reshape(count, -1).all(1))
        kind = "NaN" if np.isnan(images).any() else "infinity"
        raise VaebenchError(
            f"{where}: {kind} among the values ({(~good).sum()} of them, in {len(rows)} of {count} images or rows, "
            f"first in number {rows[0]}): mend or leave out these"
        )


def _table(where: Where, rows: Array) -> NDArray[np.float32]:
    """Values of a table as float32."""
    if rows.dtype.kind == "b" or rows.dtype == np.uint8:
        raise VaebenchError(
            f"{where}: {rows.dtype} of shape {rows.shape}: reshape images to (n, height, width), or store the features "
            "of a table as floats"
        )
    with np.errstate(over="ignore"):
        rows = rows.astype(np.float32)
    _check_finite(where, rows)
    return rows
