"""Fetch a known dataset from a mirror or from its public places, checked by SHA-256."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import url2pathname, urlopen

from tqdm import tqdm

from vaebench.data.sources import SOURCES, Source
from vaebench.errors import VaebenchError, nearest, one_line
from vaebench.files import replacing, wrote

TIMEOUT = 10.0  # seconds, to connect and between two pieces of data
DEADLINE = 600.0  # seconds for a file from one place
SLOWEST, PATIENCE = 10_000, 20.0  # bytes per second at least, on average after so many seconds
LARGEST = 1 << 28  # bytes of a file
CHUNK = 1 << 20  # bytes


def download(name: str, folder: Path, mirror: str | None = None) -> list[Path]:
    """Put the files of dataset ``name`` into ``folder`` and return their paths; a file already there and whole is kept.

    Places are tried in turn: ``mirror``, the environment's VAEBENCH_MIRROR, the public URLs. A mirror is a folder or a
    base URL (http, https, file) that holds ``<dataset's folder>/<file>`` or the files themselves. A file counts only
    with its SHA-256. Raises `VaebenchError` with a reason per place if no place has a file.
    """
    if name not in SOURCES:
        raise VaebenchError(f"dataset '{name}' cannot be downloaded: {nearest(name, SOURCES)}")
    paths = [folder / file for file in SOURCES[name].files]
    for path in paths:
        fetch(name, path, mirror)
    return paths


def held(name: str, folder: Path, mirror: str | None = None) -> Path | None:
    """The folder on this machine that holds all files of dataset ``name`` whole: ``folder``, or one in a mirror."""
    source = SOURCES[name]
    mirrors = [Path(place).expanduser() for place in _mirrors(mirror) if "://" not in place]
    for place in (folder, *(base / inner for base in mirrors for inner in (source.folder, "."))):
        if all((place / file).is_file() and _sha256(place / file) == sha256 for file, sha256 in source.files.items()):
            return place
    return None


def fetch(name: str, path: Path, mirror: str | None = None) -> None:
    """Put the one file of dataset ``name`` that ``path`` is named after there, as `download` does."""
    source = SOURCES[name]
    sha256 = source.files[path.name]
    if not (path.is_file() and _sha256(path) == sha256):
        _fetch(path, sha256, _bases(source, mirror), source.folder)


def _bases(source: Source, mirror: str | None) -> list[str]:
    """Base URLs to try, in order."""
    mirrors = dict.fromkeys(map(_url, _mirrors(mirror)))
    return [base for url in mirrors for base in (f"{url}/{source.folder}/", f"{url}/")] + list(source.urls)


def _mirrors(mirror: str | None) -> list[str]:
    return [place for place in (mirror, os.environ.get("VAEBENCH_MIRROR")) if place]


def _url(place: str) -> str:
    """A folder or URL as a URL without the last slash."""
    url = place if "://" in place else Path(place).expanduser().absolute().as_uri()
    return url.rstrip("/")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(path: Path, sha256: str, bases: list[str], folder: str) -> None:
    """Write ``path`` from the first base that has it whole."""
    faults = []
    for base in bases:
        try:
            with replacing(path) as part:
                _within(DEADLINE, functools.partial(_stream, base + path.name, part, sha256))
            wrote(path, sha256)
            return
        except (OSError, HTTPException, ValueError) as error:
            if isinstance(error, HTTPError):
                error.close()
            faults.append(f"{base}: {one_line(error)}")
    raise VaebenchError(
        f"{path.name} cannot be downloaded ({'; '.join(faults)}): set VAEBENCH_MIRROR to a folder or URL that holds "
        f"{folder}/{path.name}, or check the network"
    )


def _within(seconds: float, action: Callable[[], None]) -> None:
    """Run an action; TimeoutError if it has not ended by then: it is left behind, and ends with the process."""
    faults: list[Exception] = []

    def run() -> None:
        try:
            action()
        except Exception as error:
            faults.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"not there after {seconds:g} s")
    for fault in faults:
        raise fault


def _stream(url: str, part: Path, sha256: str) -> None:
    """Copy a URL to a file; ValueError if what came has another SHA-256, is too long or comes too slowly."""
    digest, started = hashlib.sha256(), time.monotonic()
    here = Path(url2pathname(urlsplit(url).path))
    if url.startswith("file:") and here.exists() and not here.is_file():
        raise ValueError("no file")  # but a pipe, which to open is to wait
    with urlopen(url, timeout=TIMEOUT) as response, part.open("wb") as file:
        total = int(response.headers["Content-Length"] or 0) or None
        # disable=None: no bar where standard error is no terminal, as in a log.
        with tqdm(desc=part.stem, total=total, unit="B", unit_scale=True, disable=None) as progress:
            while chunk := response.read1(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                progress.update(len(chunk))
                if max(file.tell(), total or 0) > LARGEST:
                    raise ValueError(f"more than {LARGEST} bytes")
                if (spent := time.monotonic() - started) > PATIENCE and file.tell() < SLOWEST * spent:
                    raise ValueError(f"no more than {file.tell() / spent:.0f} bytes per second")
    if digest.hexdigest() != sha256:
        raise ValueError(f"SHA-256 is {digest.hexdigest()} and not {sha256}")
