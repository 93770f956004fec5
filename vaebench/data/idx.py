"""IDX, the files of MNIST."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaebench.data.reading import decoding, room

UNSIGNED_BYTE = 0x08  # IDX's code of the one element type that image datasets use


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array, of any rank, in an IDX file of unsigned bytes, gzipped or plain.

    No more is read than its header tells of. Raises `VaebenchError` if the file is missing, truncated, overlong,
    garbled or of another element type.
    """
    with decoding(path, "IDX"), path.open("rb") as plain:
        zipped = plain.peek(2).startswith(b"\x1f\x8b")
        with gzip.open(plain) if zipped else plain as file:
            start = file.read(4)
            if len(start) < 4 or not start.startswith(b"\0\0"):
                raise ValueError("it does not begin as IDX files do")
            kind, rank = start[2], start[3]
            if kind != UNSIGNED_BYTE:
                raise ValueError(f"elements of type 0x{kind:02x}, only unsigned bytes, 0x08, are supported")
            sides = file.read(4 * rank)
            shape = [int.from_bytes(sides[at : at + 4], "big") for at in range(0, 4 * rank, 4)]
            size, begun = math.prod(shape), 4 + len(sides)
            room(path, size)
            content = file.read(size + 1)  # whatever follows
            if len(sides) < 4 * rank or len(content) < size:
                raise ValueError(f"{begun + len(content)} bytes, {4 + 4 * rank + size} expected")
            if len(content) > size:
                raise ValueError(f"more than the {begun + size} bytes that its header tells of")
            return np.frombuffer(content, np.uint8).reshape(shape).copy()
