"""The one exception that users meet: a line that says what is wrong, where, and how to mend it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


class VaebenchError(Exception):
    """Bad input or a broken environment, told in one line; the command line prints it and exits with 1."""


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
