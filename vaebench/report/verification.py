"""Whether results are what their provenance says, file by file from the data to the last figure."""

from __future__ import annotations

import hashlib
import shlex
import zlib
from datetime import UTC, datetime
from pathlib import Path, PurePath

from vaebench.errors import VaebenchError
from vaebench.files import opened, reading, sha256, there, uncompressed
from vaebench.report.provenance import PLACES, causes, laid_out


class Verified:
    """Whether results are verified, in words: found out when it is shown, in a report."""

    def __init__(self, results: Path) -> None:
        self.results = results

    def __str__(self) -> str:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        try:
            count, commit = check(self.results)
        except VaebenchError as error:
            return f"**Not verified** at {now}: ``{error}``"
        return f"**Verified** at {now}, commit {commit}, {count} files."


def verify(results: Path) -> str:
    """How many files are as they were made, and by which commit, in one line; raises as `check` does."""
    count, commit = check(results)
    return f"verified: {count} files, commit {commit}"


def check(results: Path) -> tuple[int, str | None]:
    """How many files are as they were made, and by which commit.

    Raises `VaebenchError` that names the first broken link of the chain from data to figures, and what repairs it.
    """
    path = results / "provenance.json"
    with reading(path, "provenance", "delete it if it is there, and run the workflow to its end"):
        content = path.read_bytes()
        document = opened(content)
        if laid_out(document).encode() != content:
            raise ValueError("it is not laid out as it was written")
        files, command, commit = document["files"], document["command"], document["commit"]
    broken = [name for name in sorted(files, key=_link) if _found(results / name) != files[name]]
    if broken:
        first, count = broken[0], len(broken)
        what = "is not what was written" if there(results / first) else "is gone"
        mend = f"restore it, or publish again by {command}"
        if "pieces" not in document:
            removed = [path, *(results / name for name in causes(PurePath(first)))]
            mend = f"repair it by {shlex.join(['rm', '-f', *map(str, removed)])} && {command}"
        raise VaebenchError(
            f"{results / first} {what} ({count} of {len(files)} files broken, this the first of the chain): {mend}"
        )
    return len(files), commit


def _link(name: str) -> tuple[int, str]:
    """A file's place in the chain; what lies outside the results is data."""
    place = PurePath(name).parts[0]
    return (PLACES.index(place) if place in PLACES else 0), name


def _found(path: Path) -> str | None:
    """SHA-256 of a file, before it was compressed if it is there so alone; None if it cannot be read."""
    try:
        if path.exists():
            return sha256(path)
        return hashlib.sha256(uncompressed(path.with_name(f"{path.name}.gz"))).hexdigest()
    except (OSError, EOFError, zlib.error):
        return None
