"""Files that are whole or absent, verified by their SHA-256, and told in one line where they cannot be read or written.

What a job of the workflow makes is sealed: ``folder/.sha256/NAME`` holds the SHA-256 of ``folder/NAME`` as `sha256sum`
writes it (``cd folder/.sha256 && sha256sum --check *``). A file that is not as it was sealed is never used.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError, safe_open

from vaebench.errors import VaebenchError, one_line, refused
from vaebench.locks import beside, held, locks

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
AGAIN = "run the same command again, which makes it again"
SEALS, DIGEST, TENSORS = ".sha256", "sha256", "tensors"
_written: dict[Path, str] = {}  # SHA-256 by absolute path


# Writing


@contextmanager
def replacing(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Write to the temporary path that this yields: it becomes ``path`` if the block succeeds, else it is removed.

    No two writers have the same temporary path. What is ``lasting`` is on the disk before it has its name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{uuid.uuid4().hex}.part{path.suffix}")
    try:
        yield part
        if lasting:
            with part.open("rb") as file:
                os.fsync(file.fileno())
        part.replace(path)
        _written.pop(path.absolute(), None)
    finally:
        part.unlink(missing_ok=True)


def abandoned(path: Path) -> list[Path]:
    """Temporary files of a `replacing` of this path whose process was killed."""
    return [*path.parent.glob(f"{glob.escape(path.stem)}.{'[0-9a-f]' * 32}.part{glob.escape(path.suffix)}")]


def passing(path: Path) -> bool:
    """Whether a file is none of ours to keep: a temporary one, or a lock."""
    return bool(re.search(r"\.[0-9a-f]{32}\.part(\.|$)", path.name)) or locks(path)


@contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refused(path, error) from None


def write(path: str | Path, content: str | bytes, *, lasting: bool = True) -> None:
    """Write a whole file at once; raises `VaebenchError` if the file system refuses (a full disk, say)."""
    whole = content.encode() if isinstance(content, str) else content
    with _writing(path), replacing(Path(path), lasting=lasting) as part:
        part.write_bytes(whole)
    wrote(path, hashlib.sha256(whole).hexdigest())


def wrote(path: str | Path, digest: str) -> None:
    """Note the SHA-256 of what a file was given, which `as_written` tells whatever the disk makes of it."""
    _written[Path(path).absolute()] = digest


def as_written(path: str | Path) -> str:
    """SHA-256 of what this process has last given a file; of the file if it has given it nothing."""
    return _written.get(Path(path).absolute()) or sha256(path)


def append(path: str | Path, content: str) -> None:
    """Add to the end of a file that grows; raises `VaebenchError` as `write` does."""
    _written.pop(Path(path).absolute(), None)
    with _writing(path), Path(path).open("a") as file:
        file.write(content)


def savez(path: str | Path, arrays: Mapping[str, Any]) -> None:
    """Write named arrays as a compressed ``.npz``; raises `VaebenchError` as `write` does."""
    import numpy as np  # not at the top: a Snakefile reads configurations through this module

    buffer = io.BytesIO()
    with _writing(path):
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write(path, buffer.getvalue())


def remove(*paths: Path) -> None:
    """Remove files and folders, in this order, those that are there; raises `VaebenchError` as `write` does."""
    for path in paths:
        with _writing(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


# Reading


@contextmanager
def reading(path: str | Path, what: str, mend: str) -> Iterator[None]:
    """Read a file of ours: whatever is wrong with it is a `VaebenchError` that names it, and the ``mend``."""
    try:
        yield
    except FAULTS as error:
        raise VaebenchError(f"{path}: cannot be read as {what} ({one_line(error)}): {mend}") from None


def there(path: Path) -> Path | None:
    """A file, or what it was compressed to, ``NAME.gz``; None if neither is there."""
    return next((found for found in (path, path.with_name(f"{path.name}.gz")) if found.exists()), None)


def uncompressed(path: Path) -> bytes:
    """A file's content, before it was compressed if its name ends with ``.gz``. To be called in a `reading`."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def read_json(path: str | Path) -> Any:
    """What a job has written as JSON; raises as `reading` does."""
    with reading(path, "JSON", "delete it, and it is made again"):
        return json.loads(Path(path).read_bytes())


def signed(facts: Mapping[str, Any], **layout: Any) -> str:
    """A JSON document, laid out as `json.dumps` is told, that holds the SHA-256 of its content; `opened` reads it."""
    plain = json.loads(json.dumps(facts))
    return json.dumps(plain | {DIGEST: _digest(plain)}, **layout)


def opened(text: str | bytes) -> dict[str, Any]:
    """What `signed` wrote; ValueError if it is not as it was written. To be called in a `reading`."""
    facts = json.loads(text)
    if not isinstance(facts, dict) or facts.pop(DIGEST, None) != _digest(facts):
        raise ValueError("its content is not of its SHA-256")
    return facts


def _digest(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def tagged(facts: Mapping[str, Any]) -> dict[str, str]:
    """Metadata for a safetensors file that `tag` reads back."""
    return {TAG: signed(facts)}


def tag(path: str | Path) -> Any:
    """What `tagged` or `packed` put into a safetensors file; to be called in a `reading`."""
    facts = _tag(path)
    facts.pop(TENSORS, None)
    return facts


def packed(tensors: Mapping[str, Any], facts: Mapping[str, Any]) -> bytes:
    """A safetensors file of torch's tensors, and of facts that `tag` reads back; `unpacked` reads both."""
    from safetensors.torch import save  # not at the top, for it brings torch

    return save(dict(tensors), tagged({**facts, TENSORS: _tensors(save(dict(tensors)))}))


def unpacked(path: str | Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts and tensors of a file of `packed`; ValueError if a tensor is not as it was written. To be called in a
    `reading`."""
    from safetensors.torch import load

    content, facts = Path(path).read_bytes(), _tag(path)
    if facts.pop(TENSORS) != _tensors(content):
        raise ValueError("its tensors are not of their SHA-256")
    return facts, load(content)


def _tag(path: str | Path) -> dict[str, Any]:
    with safe_open(path, "numpy") as file:
        return opened((file.metadata() or {})[TAG])


def _tensors(content: bytes) -> str:
    """SHA-256 of the names, types, shapes and values in a safetensors file, whatever its metadata."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = {name: facts for name, facts in json.loads(content[8:end]).items() if name != "__metadata__"}
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    digest.update(memoryview(content)[end:])
    return digest.hexdigest()


# Seals


def sha256(path: str | Path) -> str:
    """Of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(path: str | Path) -> None:
    """Note the SHA-256 of what a file was given beside it; raises `VaebenchError`."""
    with _writing(path):
        write(_seal(path), _line(path, as_written(path)), lasting=False)


def intact(path: str | Path) -> bool:
    """Whether a file is there as it was sealed; False if it never was."""
    try:
        return _seal(path).read_text() == _line(path, sha256(path))
    except (OSError, ValueError):
        return False


def verified(path: str | Path) -> str:
    """SHA-256 of a file, which must be that of its seal if it has one.

    Raises `VaebenchError` if it is not, and removes the file, so that the workflow makes it again.
    """
    with reading(path, "what a job before wrote", AGAIN):  # another job may have found and removed it just now
        digest, noted = sha256(path), _seal(path)
        damaged = noted.exists() and noted.read_bytes() != _line(path, digest).encode()
    if damaged:
        remove(Path(path), noted)
        raise VaebenchError(f"{path} was damaged (its SHA-256 is not that in {noted}) and is removed: {AGAIN}")
    return digest


@contextmanager
def job(inputs: Iterable[str | Path], outputs: Iterable[str | Path]) -> Iterator[None]:
    """Run a job of the workflow on inputs that are `verified`, and seal its outputs; raises `VaebenchError`.

    No other process makes these outputs at the same time: one that a killed workflow has left behind is waited for.
    """
    made = [Path(path) for path in outputs]
    with held(beside(made[0]), made[0]):
        for path in inputs:
            verified(path)
        yield
        for path in made:
            remove(*abandoned(path), *abandoned(_seal(path)))
            seal(path)


def _seal(path: str | Path) -> Path:
    path = Path(path)
    return path.parent / SEALS / path.name


def _line(path: str | Path, digest: str) -> str:
    return f"{digest}  ../{Path(path).name}\n"
