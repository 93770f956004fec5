"""What a reader makes of a file or folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vaebench import memory
from vaebench.errors import VaebenchError, one_line

Array = NDArray[Any]
Where = str | Path  # what messages name
COPIES = 3  # that there are of images as they are read, brought to their form and split


@dataclass(frozen=True, eq=False)
class Reading:
    """``images`` (n, channels, height, width), uint8 or float32, and ``labels``, int64 (n,), as `Data` has them.

    ``splits`` (n,) are the data's own, as places in `SPLITS`; ``files`` (n,) are the images' names in a folder;
    ``factors`` are the values (n,) of each factor of variation that is known, by its name.
    """

    images: Array
    labels: NDArray[np.int64]
    scale: Literal["unit", "real"] = "unit"
    classes: tuple[str, ...] = ()
    splits: NDArray[np.int64] | None = None
    files: tuple[str, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    factors: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


def room(path: Where, size: float) -> None:
    """Raise `VaebenchError` if memory does not hold so many bytes of images, some copies on their way included."""
    memory.hold(path, COPIES * size, "give fewer or smaller images")


@contextmanager
def decoding(path: Where, form: str) -> Iterator[None]:
    """Whatever a decoder raises, as a `VaebenchError` that names the file."""
    try:
        yield
    except VaebenchError:
        raise
    except Exception as error:  # foreign files make decoders raise errors of every kind
        raise VaebenchError(f"{path}: cannot be read as {form} ({one_line(error)})") from error
