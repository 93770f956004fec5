"""Files that are whole or absent, and told in one line where they cannot be read."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError, safe_open

from vaebench.errors import VaebenchError, one_line

FAULTS = (
    OSError,
    SafetensorError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    msgspec.MsgspecError,
)
TAG = "vaebench"  # the one key of a safetensors file's metadata: the library writes several in random order


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write to the temporary path that this yields: it becomes ``path`` if the block succeeds, else it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise VaebenchError(f"{path} cannot be written ({reason}): free the disk or choose another folder") from None


def write(path: str | Path, content: str | bytes) -> None:
    """Write a whole file at once; raises `VaebenchError` if the file system refuses (a full disk, say)."""
    with _writing(path), replacing(Path(path)) as part:
        part.write_bytes(content.encode() if isinstance(content, str) else content)


def append(path: str | Path, content: str) -> None:
    """Add to the end of a file that grows; raises `VaebenchError` as `write` does."""
    with _writing(path), Path(path).open("a") as file:
        file.write(content)


def savez(path: str | Path, arrays: Mapping[str, Any]) -> None:
    """Write named arrays as a compressed ``.npz``; raises `VaebenchError` as `write` does."""
    import numpy as np  # not at the top: a Snakefile reads configurations through this module

    with _writing(path), replacing(Path(path)) as part:
        np.savez_compressed(part, allow_pickle=False, **arrays)


@contextmanager
def reading(path: str | Path, what: str, mend: str) -> Iterator[None]:
    """Read a file of ours: whatever is wrong with it is a `VaebenchError` that names it, and the ``mend``."""
    try:
        yield
    except FAULTS as error:
        raise VaebenchError(f"{path}: cannot be read as {what} ({one_line(error)}): {mend}") from None


def tagged(facts: Mapping[str, Any]) -> dict[str, str]:
    """Metadata for a safetensors file that `tag` reads back."""
    return {TAG: json.dumps(facts)}


def tag(path: str | Path) -> Any:
    """What `tagged` put into a safetensors file; to be called in a `reading`."""
    with safe_open(path, "numpy") as file:
        return json.loads((file.metadata() or {})[TAG])
