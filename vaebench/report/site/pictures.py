"""What the pages show of a cell's pictures: strips of images and maps of the latent space, as plain data."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from PIL import Image

from vaebench.report.figures import style
from vaebench.study.naming import metric_name

Arrays = Mapping[str, np.ndarray]
GREYS = 24  # levels of a channel, of 256: fewer bytes, and no eye tells them apart
SAMPLES = "samples"


def strips(gallery: Arrays) -> dict[str, Any]:
    """Pictures by what they are, each a PNG of images side by side; or the ``reason`` for none."""
    if reason := _reason(gallery, "reason") or _reason(gallery, "images_reason"):
        return {"reason": reason}
    found = {"reconstructions": png(gallery["reconstructions"])}
    drawn = sorted(name for name in gallery if name.startswith(f"{SAMPLES}_"))
    for name in drawn or [SAMPLES] * (SAMPLES in gallery):
        sampler = metric_name(name.removeprefix(SAMPLES).strip("_"))
        found[f"samples: {sampler or 'prior'}"] = png(gallery[name])
    if "traversals" in gallery:
        for number, images in enumerate(gallery["traversals"], 1):
            found[f"traversal {number}"] = png(images)
    return found


def plane(gallery: Arrays) -> dict[str, Any]:
    """The map of a latent space (`vaebench.evaluation.plane`), or the ``reason`` for none; arrays are `packed`."""
    if reason := _reason(gallery, "reason") or _reason(gallery, "plane_reason"):
        return {"reason": reason}
    images, labels = gallery["plane_images"], gallery["plane_labels"]
    colours = style.class_colours(labels)
    return {
        "axes": gallery["plane_axes"].tolist(),
        "x": [float(gallery["plane_x"][0]), float(gallery["plane_x"][-1])],
        "y": [float(gallery["plane_y"][0]), float(gallery["plane_y"][-1])],
        "nodes": len(gallery["plane_x"]),
        "side": len(images),
        "shape": list(images.shape[-2:]),
        "images": png(images.reshape(-1, *images.shape[2:]) / 255, across=images.shape[1]),
        "metric": packed(gallery["plane_metric"]),
        "magnification": packed(gallery["plane_log_magnification"]),
        "codes": packed(gallery["plane_codes"]),
        "labels": labels.tolist(),
        "classes": {str(label): to_hex(colour) for label, colour in colours.items()},
        "names": {label: name for label, name in style.class_names(gallery).items() if label in colours},
    }


def packed(array: np.ndarray) -> str:
    """An array as base64 of little-endian float32."""
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()


def png(images: np.ndarray, across: int | None = None) -> str:
    """Images (n, channels, height, width) in [0, 1], ``across`` in a row (all), without gaps, as a data URI."""
    count, channels, height, width = images.shape
    across = across or count
    levels = np.round(np.clip(np.nan_to_num(images, nan=0.5), 0, 1) * (GREYS - 1)) * (255 / (GREYS - 1))
    rows = levels.reshape(-1, across, channels, height, width).transpose(0, 3, 1, 4, 2)
    sheet = rows.reshape(-1, across * width, channels).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _reason(gallery: Arrays, name: str) -> str:
    return str(gallery[name]) if name in gallery else ""
