"""Files that are whole or absent: written under a temporary name beside the final one, then renamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import VaebenchError


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


def write(path: str | Path, content: str | bytes) -> None:
    """Write a whole file at once; raises `VaebenchError` if the file system refuses (a full disk, say)."""
    try:
        with replacing(Path(path)) as part:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise VaebenchError(f"{path} cannot be written ({reason}): free the disk or choose another folder") from None
