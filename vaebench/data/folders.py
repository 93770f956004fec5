"""Folders of images, as they lie on disks: each image as a viewer shows it, or none at all.

Hidden names are no data (`vaebench.data.contents`); what Pillow cannot open is skipped and counted, but a file that
ends as an image's name and cannot be read is refused. EXIF's orientation is applied. Transparency is laid over white,
or, where one light colour is drawn by its transparency alone, over black. Images of 16 bits are floats. A file of
several pages or frames is refused, but for the previews that cameras put behind a JPEG's image.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vaebench.data import contents
from vaebench.data.arrays import ALIASES, grey
from vaebench.data.reading import Array, Reading, decoding, room
from vaebench.data.sources import SPLITS
from vaebench.errors import VaebenchError

Parts = tuple[str, ...]  # of a path below the folder
# Endings of images that viewers show and Pillow does not open.
FOREIGN = {".arw", ".cr2", ".dng", ".heic", ".heif", ".jxl", ".nef", ".svg"}

LARGEST = 1 << 24  # pixels of an image


def read_folder(path: Path) -> Reading:
    """The images of a folder, all of one size: flat, in folders of classes, or so in ``train`` and ``test``.

    Without classes images come in the order of their names and their labels are 0. A class holds all that lies below
    its folder. Beside ``train`` and ``test`` there may be ``validation`` (``val``, ``valid``). A folder that holds
    nothing but one folder stands for it. Where every image is grey there is one channel, else three. Raises
    `VaebenchError`.
    """
    skipped: Counter[str] = Counter()
    images: dict[Parts, Array] = {}
    seen: set[str] = set()
    size = 0
    for file in contents.files(path):
        place = os.path.realpath(file)
        if file.is_dir():
            if not os.access(file, os.R_OK | os.X_OK):
                raise VaebenchError(f"{file}: the folder may not be listed: change its permissions")
            skipped["link to a folder above it"] += 1
        elif place in seen:
            skipped["the same file again, by a link"] += 1
        elif (image := _decode(file)) is None:
            skipped[f"no image ({file.suffix.lower() or 'no ending'})"] += 1
        else:
            seen.add(place)
            images[file.relative_to(path).parts] = image
            size += image.nbytes
            if len(images) & (len(images) - 1) == 0:  # a power of two: as many again may come
                room(path, size)
    if not images:
        found = ", ".join(f"{count} {reason}" for reason, count in skipped.items()) or "it is empty"
        raise VaebenchError(f"{path}: no image in this folder ({found}): give a folder of images")
    used = {parts[:depth] for parts in images for depth in range(len(parts))}
    skipped["folder without an image"] += sum(_empty(path, parts, used) for parts in used)
    files = tuple("/".join(parts) for parts in images)
    shared = sum(all(parts[: len(one)] == one for parts in images) for one in used) - 1
    splits, inner = _splits(path, [parts[shared:] for parts in images])
    labels, classes = _classes(path, inner)
    return Reading(
        _stacked([path / name for name in files], list(images.values())),
        labels,
        classes=classes,
        splits=splits,
        files=files,
        skipped=dict(+skipped),
    )


def _empty(path: Path, parts: Parts, used: set[Parts]) -> int:
    """How many folders, neither links nor hidden, lie in one below ``path`` and are none of the ``used``."""
    found = [entry for entry in path.joinpath(*parts).iterdir() if entry.is_dir() and not entry.is_symlink()]
    return sum(not contents.hidden(entry.name) and (*parts, entry.name) not in used for entry in found)


def _splits(path: Path, files: list[Parts]) -> tuple[Array | None, list[Parts]]:
    """Each file's place in `SPLITS` and its path inside the split, where there are folders of splits."""
    tops = sorted({parts[0] for parts in files if len(parts) > 1})
    names = {top: ALIASES[top.lower()] for top in tops if top.lower() in ALIASES}
    if "train" not in names.values() or len(names) == 1:
        return None, files
    for parts in files:
        if len(parts) == 1 or parts[0] not in names:
            raise VaebenchError(
                f"{path}: {parts[0]} lies beside the folders of splits {', '.join(names)}: move it into one of them or "
                "out of the folder"
            )
    return np.array([SPLITS.index(names[parts[0]]) for parts in files]), [parts[1:] for parts in files]


def _classes(path: Path, files: list[Parts]) -> tuple[Array, tuple[str, ...]]:
    """Labels and names of classes: the first folders."""
    classes = sorted({parts[0] for parts in files if len(parts) > 1})
    loose = [parts[0] for parts in files if len(parts) == 1]
    if classes and loose:
        raise VaebenchError(
            f"{path}: {len(loose)} images, such as {loose[0]}, lie beside the folders of classes {', '.join(classes)}: "
            "move them into a folder of their own, or out of the folder"
        )
    return np.array([classes.index(parts[0]) if classes else 0 for parts in files]), tuple(classes)


def _stacked(files: Sequence[Path], images: Sequence[Array]) -> Array:
    """One array (n, channels, height, width) of images (height, width, 1 or 3)."""
    height, width = images[0].shape[:2]
    for file, image in zip(files, images, strict=True):
        if image.shape[:2] != (height, width):
            raise VaebenchError(
                f"{file}: {image.shape[1]}x{image.shape[0]} pixels where {files[0]} has {width}x{height}: bring all "
                "images to one size"
            )
    channels = max(image.shape[2] for image in images)
    dtype = np.float32 if any(image.dtype == np.float32 for image in images) else np.uint8
    stacked = np.empty((len(images), channels, height, width), dtype)
    for index, image in enumerate(images):
        image = np.moveaxis(image, 2, 0)
        stacked[index] = image if image.dtype == dtype else image / np.float32(255)
    return stacked


def _decode(file: Path) -> Array | None:
    """An image (height, width, 1 or 3), uint8 or float32 in [0, 1]; None if the file is none."""
    named = file.suffix.lower() in _endings()
    if not file.is_file():
        if named:
            what = "neither a file nor a folder" if file.exists() else "no such file"
            raise VaebenchError(f"{file}: {what}: mend the link or delete it")
        return None
    with decoding(file, "an image"), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            opened = Image.open(file)
        except UnidentifiedImageError:
            if named:
                raise
            return None
        with opened as image:
            return _shown(file, image)


def _endings() -> set[str]:
    """Endings of the names of images."""
    return FOREIGN | {ending for ending, form in Image.registered_extensions().items() if form in Image.OPEN}


def _shown(file: Path, image: Image.Image) -> Array:
    """An open image's pixels; ValueError if it is not one image of known values."""
    width, height = image.size
    if width * height > LARGEST:
        raise ValueError(f"{width}x{height} pixels, {LARGEST} at most: bring it to the size that models are to see")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise ValueError(f"it holds {frames} pages or frames: save each as a file of its own")
    wide = image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM")
    if not wide and image.mode not in ("I", "F") and _deep(image):
        raise ValueError("it has several channels of more than 8 bits, of which Pillow reads 8: store a .npy instead")
    image = ImageOps.exif_transpose(image)
    if wide:
        return np.asarray(image)[..., None].astype(np.float32) / 65535
    if image.mode in ("I", "F"):
        return grey(file, np.asarray(image))[..., None]
    pixels = _composed(image) if image.has_transparency_data else np.asarray(image.convert("RGB"))
    return pixels[..., :1] if (pixels == pixels[..., :1]).all() else pixels


def _deep(image: Image.Image) -> bool:
    """Whether the file of an image of 8 bits per channel has more of them: by Pillow's word for its raw mode."""
    for tile in getattr(image, "tile", []):
        mode, *more = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if re.search(";16[BLN]", str(mode)) or (tile.codec_name.startswith("ppm") and more[-1] > 255):
            return True
    return False


def _composed(image: Image.Image) -> Array:
    """A transparent image over the ground on which it is seen, (height, width, 3)."""
    pixels = np.asarray(image.convert("RGBA")).astype(int)
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    visible = colour[alpha[..., 0] > 0]
    light = len(visible) > 0 and (visible == visible[0]).all() and visible[0].mean() > 127
    ground = 0 if light else 255
    return ((colour * alpha + ground * (255 - alpha) + 127) // 255).astype(np.uint8)
