"""What is said of a training as it goes: histories that grow on disk by the epoch, and where it stands."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from vaebench.files import append, write
from vaebench.study.tidy import HISTORY, text

EVERY = 10.0  # seconds between two lines where there is no terminal to draw a bar on


class Journal:
    """Of the runs of a pack: ``histories`` are their growing lists of rows, ``paths`` the files that show them.

    On a terminal it draws a bar on standard error; elsewhere, as in a log, it prints a line now and then.
    """

    def __init__(self, title: str, epochs: int, done: int, histories: Sequence[list], paths: Sequence[Path]) -> None:
        self.title, self.epochs, self.first, self.paths = title, epochs, done, paths
        self.histories, self.written = histories, [len(rows) for rows in histories]
        for rows, path in zip(histories, paths, strict=True):
            write(path, text(rows, HISTORY))
        if done:
            print(f"{title}: goes on after epoch {done} of {epochs}", file=sys.stderr, flush=True)
        self.started = self.told = time.monotonic()
        self.said = ""
        self.bar = tqdm(desc=title, total=epochs, initial=done, unit="epoch", disable=None)

    def turn(self, epoch: int) -> None:
        """Take down what the runs did until the end of an epoch."""
        for place, (rows, path) in enumerate(zip(self.histories, self.paths, strict=True)):
            append(path, text(rows[self.written[place] :], HISTORY, heading=False))
            self.written[place] = len(rows)
        values = ", ".join(f"{rows[-1]['value']:.2f}" for rows in self.histories if rows)
        reached = f"validation objective {values} nats, " if values else ""
        self.bar.update()
        self.bar.set_postfix_str(reached.rstrip(", "))
        now = time.monotonic()
        left = tqdm.format_interval((now - self.started) / (epoch - self.first) * (self.epochs - epoch))
        self.said = f"epoch {epoch} of {self.epochs}, {reached}{left} left"
        if now - self.told > EVERY:
            self._tell(now)

    def kept(self, epoch: int) -> str:
        """What there is to go on from after an epoch, in words."""
        return f"{self.title} is kept up to epoch {epoch} of {self.epochs}" if epoch else f"{self.title} had just begun"

    def _tell(self, now: float) -> None:
        """Print the last epoch's line, if there is no bar."""
        if self.bar.disable and self.said:
            print(f"{self.title}: {self.said}", file=sys.stderr, flush=True)
        self.told, self.said = now, ""

    def close(self) -> None:
        """Print what has not been printed, and take the bar away."""
        self._tell(time.monotonic())
        self.bar.close()
