"""What lies at a path of the user's, and a fingerprint of it by content alone. Nothing here imports NumPy."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def hidden(name: str) -> bool:
    """Whether a file or folder of this name is no data: a dot before it hides it, and macOS puts one into archives."""
    return name.startswith(".") or name == "__MACOSX"


def files(folder: Path) -> Iterator[Path]:
    """Every file below a folder but the hidden ones, in the order of their names.

    A link to a folder above and a folder that may not be listed stand for themselves.
    """
    yield from _files(folder, ())


def _files(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
    place = os.path.realpath(folder)
    if place in above:
        yield folder
        return
    try:
        entries = sorted(folder.iterdir(), key=os.fsencode)
    except OSError:
        yield folder
        return
    for entry in entries:
        if hidden(entry.name):
            continue
        if entry.is_dir():
            yield from _files(entry, (*above, place))
        else:
            yield entry


def fingerprint(*paths: str | Path) -> str:
    """SHA-256 over the bytes of files, and over names and bytes of all `files` in folders.

    What cannot be read counts by its name: to read it is to refuse it.
    """
    digest = hashlib.sha256()
    for path in map(Path, paths):
        for file in files(path) if path.is_dir() else [path]:
            name = os.fsencode(file.relative_to(path))
            digest.update(b"%d %b %b\n" % (len(name), name, _sha256(file)))
        digest.update(b"\n")
    return digest.hexdigest()


def _sha256(path: Path) -> bytes:
    if path.is_file():  # and no pipe, which to open is to wait
        try:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError:
            pass
    return b"unread"
