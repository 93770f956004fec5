"""The exceptions that users meet: one line that says what is wrong, where, and how to mend it."""

from __future__ import annotations

import difflib
import errno
import io
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FULL = "free the disk or choose another folder"
CLOSED = "allow writing there or choose another folder"
GONE = "its folder is gone: run it again"
MENDS = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EIO: "check the disk or choose another folder",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EACCES: CLOSED,
    errno.EPERM: CLOSED,
    errno.EROFS: CLOSED,
    errno.ENOENT: GONE,
    errno.ESTALE: GONE,
}


class VaebenchError(Exception):
    """Bad input or a broken environment, told in one line; the command line prints it and exits with 1."""


class Missing(VaebenchError):
    """A value that does not exist, and why: tables show the reason in its place."""


class Interrupted(KeyboardInterrupt, SystemExit):
    """A signal came: a `KeyboardInterrupt` that ends Python with its one line, and status 1."""

    def __init__(self, line: str) -> None:
        super().__init__(line)
        self.code = f"vaebench: {line}"


def one_line(error: BaseException) -> str:
    """What an exception says, without line breaks."""
    return " ".join(str(error).split())


def printable(text: str) -> str:
    """Text in which line breaks and other orders to a terminal, as the name of a class may hold, are written out."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


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


def refused(path: str | Path, error: OSError) -> VaebenchError:
    """What to tell of a file that the file system does not let us write."""
    mend = MENDS.get(error.errno or 0, "choose another folder")
    return VaebenchError(f"{path} cannot be written ({error.strerror or error}): {mend}")


def tell(line: object) -> None:
    """Print a line on standard error, and in a job also in its log."""
    for file in {sys.stderr, sys.__stderr__}:
        with suppress(OSError):  # of a disk that is full: the other is written nevertheless
            print(f"vaebench: {line}\n", end="", file=file, flush=True)  # at once: Snakemake writes there as well


def interrupt(number: int, _: FrameType | None) -> None:
    """Raise `Interrupted`: what handles a signal where nothing is to be kept."""
    raise Interrupted(f"interrupted by {signal.Signals(number).name}: nothing is left half-made: run the same again")


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise `Interrupted`, but for those that the caller handles or ignores."""
    default = (signal.SIG_DFL, signal.default_int_handler)
    found = {number: signal.getsignal(number) for number in SIGNALS}
    taken = {number: handler for number, handler in found.items() if handler in default}
    if threading.current_thread() is not threading.main_thread():  # which alone may take signals
        taken = {}
    try:
        for number in taken:
            signal.signal(number, interrupt)
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


class Log(io.TextIOBase):
    """The log of a job: where its disk is full, the job goes on without it."""

    def __init__(self, file: io.FileIO) -> None:
        self.file = file

    def write(self, text: str) -> int:
        with suppress(OSError):
            self.file.write(text.encode(errors="replace"))
        return len(text)

    def fileno(self) -> int:
        return self.file.fileno()


@contextmanager
def reported(log: str | Path) -> Iterator[None]:
    """Run a job of the workflow: what it prints goes to its log.

    A `VaebenchError`, a signal or a disk that fails (`MENDS`) ends it with status 1, and with one line there and on
    standard error; of any other exception the traceback is in both.
    """
    with ExitStack() as stack:
        stack.enter_context(interruptible())
        try:
            try:
                file = Log(stack.enter_context(Path(log).open("wb", buffering=0)))
            except OSError as error:
                raise refused(log, error) from None
            stack.enter_context(redirect_stdout(file))
            stack.enter_context(redirect_stderr(file))
            yield
        except (VaebenchError, Interrupted) as error:
            tell(error)
            sys.exit(1)
        except OSError as error:
            if (mend := MENDS.get(error.errno or 0, GONE)) == GONE:
                traceback.print_exc()
                raise
            tell(f"{error.filename or 'a file'} cannot be read or written ({error.strerror}): {mend}")
            sys.exit(1)
        except Exception:
            traceback.print_exc()
            raise
