"""A door between a process and the disk, at which each call is counted, and one goes wrong."""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from vaebench import files
from vaebench.data import dataset

KILL, FULL, ERROR, TORN, FLIPPED, POWER = "kill", "full disk", "error", "torn file", "flipped bit", "power cut"
# What can go wrong at a call. A torn file and a flipped bit are under the final name, as a file is read or has got it.
FAULTS = {
    "look": (ERROR,),
    "list": (ERROR,),
    "open": (KILL, ERROR, TORN, FLIPPED),
    "read": (ERROR,),
    "create": (KILL, FULL, ERROR),
    "write": (KILL, FULL, ERROR),
    "sync": (KILL, FULL, ERROR),
    "rename": (KILL, FULL, ERROR, TORN, FLIPPED, POWER),
    "link": (KILL, FULL, ERROR),
    "remove": (KILL, ERROR),
    "folder": (KILL, FULL, ERROR),
}
GROWS = {"create", "write", "sync", "rename", "link", "folder"}


class Fault(NamedTuple):
    """The kind, and the number of the call, from 0."""

    kind: str
    at: int


class Call(NamedTuple):
    what: str
    path: str


class Door:
    """Calls on files in a folder. A disk that is full stays full, and a file with an error keeps it."""

    def __init__(self, folder: Path, fault: Fault | None = None) -> None:
        self.folder, self.fault = str(folder.resolve()), fault
        self.calls: list[Call] = []
        self.bad: str | None = None  # the path at which the fault was, when it has come
        self.lock = threading.RLock()
        self.numbers: dict[int, str] = {}  # paths of descriptors

    def place(self, path: Any, dir_fd: int | None = None) -> str | None:
        """The path in the folder; None of another's, and of none."""
        if isinstance(path, int):
            return self.numbers.get(path)
        base = self.folder if dir_fd is None else _named(dir_fd)
        whole = os.path.normpath(Path(base, os.fsdecode(path)))
        return whole if whole.startswith(self.folder + os.sep) else None

    def come(self, what: str, path: str | None) -> str:
        """The fault at this call, if it is not raised and does not kill."""
        if path is None:
            return ""
        with self.lock:
            number = len(self.calls)
            self.calls.append(Call(what, path.removeprefix(self.folder + os.sep)))
        if self.fault is None:
            return ""
        now = self.fault.at == number and self.fault.kind in FAULTS[what]
        if now:
            self.bad = path
        kind = self.fault.kind
        if kind == FULL and self.bad and what in GROWS:
            return self.fail(what, errno.ENOSPC, path)
        if kind == ERROR and self.bad == path:
            return self.fail(what, errno.EIO, path)
        if now and kind == KILL and what != "write":
            die()
        return kind if now else ""

    def fail(self, what: str, number: int, path: str) -> str:
        if what == "write":  # of which a half comes through
            return str(number)
        raise OSError(number, os.strerror(number), path)


def _named(number: int) -> str:
    """The path of an open file."""
    return str(Path(f"/proc/self/fd/{number}").readlink())


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def damage(path: str, kind: str) -> None:
    """Cut a file in half, or flip a bit in its middle."""
    with REAL_OPEN(path, "r+b") as file:
        content = bytearray(file.read())
        if not content:
            return
        half = len(content) // 2
        if kind == FLIPPED:
            content[half] ^= 4
            file.seek(0)
            file.write(content)
        else:
            file.truncate(half)


REAL_OPEN = io.open


class File:
    """An open file; its first reading and its first writing are calls."""

    def __init__(self, file: Any, door: Door, path: str) -> None:
        self.__dict__ |= {"file": file, "door": door, "path": path, "met": set()}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.file, name)
        if name not in ("read", "readinto", "readline", "readlines", "read1"):
            return found

        def read(*arguments: Any) -> Any:
            self.first("read")
            return found(*arguments)

        return read

    def first(self, what: str) -> str:
        if what in self.met:
            return ""
        self.met.add(what)
        return self.door.come(what, self.path)

    def write(self, content: Any) -> int:
        if kind := self.first("write"):
            self.file.write(content[: len(content) // 2])
            self.file.flush()
            if kind == KILL:
                die()
            raise OSError(int(kind), os.strerror(int(kind)))
        return self.file.write(content)

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __iter__(self) -> Iterator[Any]:
        self.first("read")
        return iter(self.file)


@contextmanager
def watched(door: Door) -> Iterator[None]:
    """Let all calls of Python, and of safetensors, pass by the door."""

    def opened(path: Any, mode: str = "r", *arguments: Any, **settings: Any) -> Any:
        place = door.place(path)
        if place is None:
            return REAL_OPEN(path, mode, *arguments, **settings)
        if mode.startswith("r") and "+" not in mode:
            if kind := door.come("open", place):
                damage(place, kind)
        else:
            door.come("create", place)
        return File(REAL_OPEN(path, mode, *arguments, **settings), door, place)

    def low(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        place = door.place(path, dir_fd)
        door.come("create" if flags & os.O_CREAT else "list", place)
        number = real["open"](path, flags, mode, dir_fd=dir_fd)
        if place is not None:
            door.numbers[number] = place
        return number

    def written(number: int, content: bytes) -> int:
        if kind := door.come("write", door.numbers.get(number)):
            real["write"](number, content[: len(content) // 2])
            if kind == KILL:
                die()
            raise OSError(int(kind), os.strerror(int(kind)))
        return real["write"](number, content)

    def closed(number: int) -> None:
        door.numbers.pop(number, None)
        real["close"](number)

    def renamed(name: str) -> Callable[..., None]:
        def rename(source: Any, target: Any, **settings: Any) -> None:
            kind = door.come("rename", door.place(target))
            real[name](source, target, **settings)
            if kind:
                damage(str(door.place(target)), kind)
                if kind == POWER:
                    die()

        return rename

    def linked(source: Any, target: Any, **settings: Any) -> None:
        door.come("link", door.place(target))
        real["link"](source, target, **settings)

    def simple(name: str, what: str) -> Callable[..., Any]:
        def call(path: Any = ".", *arguments: Any, **settings: Any) -> Any:
            door.come(what, door.place(path, settings.get("dir_fd")))
            return real[name](path, *arguments, **settings)

        return call

    def synced(file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        door.come("sync", door.place(_named(number)))
        real["fsync"](file)

    def tensors(whole: Callable[..., Any]) -> Callable[..., Any]:
        def safe(path: Any, *arguments: Any, **settings: Any) -> Any:
            place = door.place(path)
            if kind := door.come("open", place):
                damage(str(place), kind)
            return whole(path, *arguments, **settings)

        return safe

    names = ("open", "write", "close", "replace", "rename", "unlink", "remove", "mkdir", "rmdir", "stat", "lstat")
    real = {name: getattr(os, name) for name in (*names, "scandir", "listdir", "fsync", "link")}
    plain = {"unlink": "remove", "remove": "remove", "rmdir": "remove", "mkdir": "folder", "stat": "look"}
    plain |= {"lstat": "look", "scandir": "list", "listdir": "list"}
    new: dict[str, Callable[..., Any]] = {name: simple(name, what) for name, what in plain.items()}
    new |= {"open": low, "write": written, "close": closed, "fsync": synced, "link": linked}
    new |= {name: renamed(name) for name in ("replace", "rename")}
    with pytest.MonkeyPatch.context() as patch:
        for name, call in new.items():
            patch.setattr(os, name, call)
        for module in (io, builtins):
            patch.setattr(module, "open", opened)
        for module in (files, dataset):
            patch.setattr(module, "safe_open", tensors(module.safe_open))
        yield
