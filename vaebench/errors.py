"""The exceptions that users meet: one line that says what is wrong, where, and how to mend it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


class VaebenchError(Exception):
    """Bad input or a broken environment, told in one line; the command line prints it and exits with 1."""


class Missing(VaebenchError):
    """A value that does not exist, and why: tables show the reason in its place."""


def one_line(error: BaseException) -> str:
    """What an exception says, without line breaks."""
    return " ".join(str(error).split())


def nearest(name: str, candidates: Iterable[str]) -> str:
    """The mend for a mistyped name: the near ones, else all."""
    candidates = list(candidates)
    close = difflib.get_close_matches(name, candidates, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(candidates) or 'none'}"


def among(what: str, name: str, candidates: Iterable[str]) -> str:
    """``name`` itself; raises `VaebenchError` with the nearest candidates if it is none of them."""
    candidates = list(candidates)
    if name not in candidates:
        raise VaebenchError(f"unknown {what} '{name}': {nearest(name, candidates)}")
    return name


@contextmanager
def reported(log: str | Path) -> Iterator[None]:
    """Run a job of the workflow: what it prints goes to its log, and a `VaebenchError` ends it as one line in both."""
    with Path(log).open("w", buffering=1) as file, redirect_stdout(file), redirect_stderr(file):
        try:
            yield
        except VaebenchError as error:
            print(f"vaebench: {error}")
            print(f"vaebench: {error}", file=sys.__stderr__)
            sys.exit(1)
