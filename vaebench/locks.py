"""Locks: one process at a time writes into a place, on one machine and on file systems that several machines share.

A lock is a file that one process alone can create, and that says which. While it is held its time is renewed. One whose
process is dead is taken over: on the same machine at once, else when its time has stood still for long, by the clock of
who waits.
"""

from __future__ import annotations

import errno
import json
import os
import shlex
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from vaebench.errors import refused, tell

BEAT, SILENCE, LOOK = 10.0, 120.0, 0.2  # seconds between signs of life, without any to be dead, and between two looks
LONGEST = 160  # characters of a command that are shown


class Holder(NamedTuple):
    """What a lock file says, and when it was renewed."""

    content: bytes
    renewed: int  # nanoseconds

    def fact(self, name: str) -> str:
        """A fact of the process that holds the lock; empty if it does not say."""
        try:
            return str(json.loads(self.content)[name])
        except (ValueError, KeyError, TypeError):
            return ""

    @property
    def near(self) -> bool:
        """Whether its process, if it lives, is one that this process can see."""
        return self.fact("home") == _home()

    @property
    def dead(self) -> bool:
        """Whether its process is seen to have ended."""
        return self.near and self.fact("born") != _born(self.fact("pid"))

    def __str__(self) -> str:
        pid, host, since, command = map(self.fact, ("pid", "host", "since", "command"))
        return f"process {pid} on {host} since {since} ({command})" if command else "a process that has not said which"


@contextmanager
def held(path: Path, what: object) -> Iterator[None]:
    """Hold the lock file ``path``, by which ``what`` is locked; whoever holds it is waited for, and named in one line.

    Where nobody may write nothing is locked. Raises `VaebenchError` if the file system refuses otherwise.
    """
    lock = _acquire(path, what)
    if lock is None:
        yield
        return
    content, number = lock
    over = threading.Event()
    threading.Thread(target=_live, args=(number, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        with suppress(OSError):
            if path.read_bytes() == content:  # and not another's, who took it over
                path.unlink()


def beside(path: Path) -> Path:
    """The lock file of a file or folder that is written, and removed, as a whole."""
    return path.with_name(f".{path.name}.lock")


def locks(path: Path) -> bool:
    """Whether a file is a lock, by its name."""
    return path.name.startswith(".") and path.suffix == ".lock"


def _acquire(path: Path, what: object) -> tuple[bytes, int] | None:
    """The content and the descriptor of the lock file, when it is ours; None where nobody may write."""
    content, seen, since, told = _identity(), None, 0.0, False
    while True:
        try:
            if (number := _create(path, content)) is not None:
                return content, number
            holder = _read(path)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                return None
            raise refused(path, error) from None
        if holder is None:
            continue
        if holder != seen:
            seen, since = holder, time.monotonic()
        if holder.dead or time.monotonic() - since > SILENCE:
            _break(path, holder)
            continue
        if not told:
            end = (
                "" if holder.near else f"; if that is gone, this goes on in {SILENCE:.0f} s, or at once after rm {path}"
            )
            tell(f"{what} is in use by {holder}: waiting until it ends{end}")
            told = True
        time.sleep(LOOK)


def _create(path: Path, content: bytes) -> int | None:
    """The descriptor of the lock file, which is made; None if it is there. Raises `OSError`.

    It has its name when it says whose it is: a kill leaves none that does not, but where files have one name only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _aside(path)
    number = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        os.write(number, content)
        try:
            path.hardlink_to(part)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
                raise
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            part.replace(path)
    except OSError as error:
        os.close(number)
        if isinstance(error, FileExistsError):
            return None
        raise
    finally:
        part.unlink(missing_ok=True)
    return number


def _aside(path: Path) -> Path:
    """A name beside a lock that no other process has."""
    return path.with_name(f".{uuid.uuid4().hex}.lock")


def _read(path: Path) -> Holder | None:
    """Who holds a lock; None if nobody does any more."""
    try:
        with path.open("rb") as file:  # opened anew, for a network file system tells the time of then
            return Holder(file.read(), os.fstat(file.fileno()).st_mtime_ns)
    except PermissionError:
        return Holder(b"", path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


def _break(path: Path, holder: Holder) -> None:
    """Remove a lock whose holder is dead, and no other that has come in its place."""
    aside = _aside(path)
    with suppress(FileNotFoundError):  # another was first
        path.rename(aside)
        if aside.read_bytes() != holder.content:
            with suppress(FileExistsError):
                path.hardlink_to(aside)
        aside.unlink()


def _live(number: int, over: threading.Event) -> None:
    """Renew a lock's time, as a sign of life, until it is over."""
    with suppress(OSError):
        while not over.wait(BEAT):
            os.utime(number)
    os.close(number)


def _identity() -> bytes:
    """Which process this is."""
    first, *rest = sys.orig_argv or ["python"]
    facts = {
        "host": socket.gethostname(),
        "home": _home(),
        "pid": os.getpid(),
        "born": _born(str(os.getpid())),
        "since": time.strftime("%Y-%m-%d %H:%M:%S%z"),
        "command": " ".join(shlex.join([Path(first).name, *rest]).split())[:LONGEST],
        "token": uuid.uuid4().hex,
    }
    return json.dumps(facts).encode()


def _home() -> str:
    """Where process numbers mean what they mean here: the machine, and the container if this is one."""
    space = ""
    with suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {space}"


def _born(pid: str) -> str:
    """When a process here began, in ticks of a clock ("alive" if that cannot be told); empty if it has ended."""
    try:
        state, *facts = Path("/proc", pid, "stat").read_text().rpartition(") ")[2].split()
        return "" if state in "ZX" else facts[18]
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "alive"
