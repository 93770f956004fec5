"""IDX, the files of MNIST."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vaebench.data.reading import decoding

UNSIGNED_BYTE = 0x08  # IDX's code of the one element type that image datasets use


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array, of any rank, in an IDX file of unsigned bytes, gzipped or plain.

    Raises `VaebenchError` if the file is missing, truncated, overlong, garbled or of another element type.
    """
    with decoding(path, "IDX"):
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        if len(content) < 4 or not content.startswith(b"\0\0"):
            raise ValueError("it does not begin as IDX files do")
        kind, rank = content[2], content[3]
        if kind != UNSIGNED_BYTE:
            raise ValueError(f"elements of type 0x{kind:02x}, only unsigned bytes, 0x08, are supported")
        start = 4 + 4 * rank
        shape = [int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4)]
        if len(content) != start + math.prod(shape):
            raise ValueError(f"{len(content)} bytes, {start + math.prod(shape)} expected")
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
