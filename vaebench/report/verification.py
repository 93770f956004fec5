"""Whether results are what their provenance says, file by file from the data to the last figure."""

from __future__ import annotations

import re
import shlex
from pathlib import Path, PurePath

from vaebench.errors import VaebenchError
from vaebench.files import SEALS, opened, reading, sha256
from vaebench.report.provenance import PLACES, laid_out


def verify(results: Path) -> str:
    """How many files are as they were made, and by which commit, in one line.

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
        what = "is not what was written" if (results / first).exists() else "is gone"
        removed = [path, *(results / name for name in _causes(PurePath(first)))]
        raise VaebenchError(
            f"{results / first} {what} ({count} of {len(files)} files broken, this the first of the chain): repair it "
            f"by {shlex.join(['rm', '-f', *map(str, removed)])} && {command}"
        )
    return f"verified: {len(files)} files, commit {commit}"


def _link(name: str) -> tuple[int, str]:
    """A file's place in the chain; what lies outside the results is data."""
    place = PurePath(name).parts[0]
    return (PLACES.index(place) if place in PLACES else 0), name


def _found(path: Path) -> str | None:
    """SHA-256 of a file; None if it cannot be read."""
    try:
        return sha256(path)
    except OSError:
        return None


def _causes(path: PurePath) -> list[PurePath]:
    """What is to be removed, beside the provenance, so that the workflow makes a file again."""
    if path.parent.name == SEALS:
        return [path, *_causes(path.parent.parent / path.name)]
    if path.parts[0] == "runs":
        for seed in path.parents:
            if re.fullmatch(r"seed\d+", seed.name):
                return [seed / "run.json", seed.parent.with_name(f"{seed.parent.name}.json"), path]
    if path.parts[0] == "evaluations":  # whose provenance is by their conditions
        cell = path.parent.parent if path.parent.name == "kept" else path.parent
        return [cell / "conditions.json", path]
    if path.parent.parent.name == "raw":
        return [path, path.parents[2] / f"{path.parent.name}.safetensors"]
    return [path]
