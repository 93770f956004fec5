"""SIGINT and SIGTERM while runs train: what is done is kept at once, and the process ends with a line that says so.

At most the current epoch is lost, whatever the patience of who sent the signal: an epoch of a second is waited for, and
in the midst of a longer one the state after the epoch before is written, which is held in memory.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Self

from vaebench.errors import SIGNALS, Interrupted, interrupt

SOON = 1.0  # seconds

Write = Callable[[], None]


class Watch:
    """When checkpoints are written: ``every`` so many seconds, and at once when a signal comes.

    Entered, it takes the signals, but for those that the caller handles or ignores. If ``every`` is infinite nothing is
    kept, and it takes none.
    """

    def __init__(self, every: float) -> None:
        self.every = every
        self.before: dict[signal.Signals, Any] = {}
        self.came = ""  # the signal's name
        self.held: tuple[Write, str] | None = None  # while to stop is not to wait

    def __enter__(self) -> Self:
        if math.isfinite(self.every) and threading.current_thread() is threading.main_thread():
            found = {number: signal.getsignal(number) for number in SIGNALS}
            default = (signal.SIG_DFL, signal.default_int_handler, interrupt)
            self.before = {number: handler for number, handler in found.items() if handler in default}
            for number in self.before:
                signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def over(
        self, epochs: Iterator[int], done: int, hold: Callable[[], Write], kept: Callable[[int], str]
    ) -> Iterator[int]:
        """The same ``epochs``, after ``done`` ones that are on the disk, with checkpoints in between.

        ``hold`` copies what a checkpoint holds and returns what writes it; ``kept`` says in words up to which epoch.
        Raises `Interrupted`.
        """
        saved = turned = time.monotonic()
        self.held = _nothing, kept(done)
        try:
            self._leave()
            for epoch in epochs:
                self.held = None
                yield epoch
                now = time.monotonic()
                due, long, turned = now - saved > self.every, now - turned > SOON, now
                if due or self.came or (long and self.before):
                    write = hold()
                    if due:
                        write()
                        write, saved = _nothing, now
                    self.held = write, kept(epoch)
                self._leave()
        finally:
            self.held = None

    def stop(self, kept: str) -> None:
        """Raise `Interrupted` if a signal came; ``kept`` says in words what there is to go on from."""
        if self.came:
            raise Interrupted(f"interrupted by {self.came}: {kept}: run the same again to go on")

    def _take(self, number: int, _: FrameType | None) -> None:
        self.came = signal.Signals(number).name
        self._leave()

    def _leave(self) -> None:
        """Stop, if a signal came and what is done is held."""
        if self.came and self.held is not None:
            (write, kept), self.held = self.held, None
            write()
            self.stop(kept)


def _nothing() -> None:
    pass
