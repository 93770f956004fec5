"""One GPU for one process: of several on a machine, one that no other job has."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from pathlib import Path

from vaebench.errors import tell

LOOK = 0.2  # seconds between two looks for a free one
VISIBLE = "CUDA_VISIBLE_DEVICES"


def lease() -> None:
    """Hold a GPU until this process ends, and let torch, which must not have looked for any yet, see it alone.

    If all are held it waits, and says so in one line. Where one GPU or none is to be seen nothing is done: that is what
    the scheduler of a cluster leaves a job. Jobs of one user on one machine see each other.
    """
    visible = _visible()
    if len(visible) < 2:
        return
    folder = Path(tempfile.gettempdir(), f"vaebench-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    told = False
    while not (free := next((name for name in visible if _take(folder, name)), None)):
        if not told:
            tell(f"all {len(visible)} GPUs are in use by other jobs: waiting until one is free")
            told = True
        time.sleep(LOOK)
    os.environ[VISIBLE] = free


def _visible() -> list[str]:
    """The GPUs that this process may use, by number or identifier, without a look at them through torch."""
    if (given := os.environ.get(VISIBLE)) is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    return [str(number) for number, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


def _take(folder: Path, name: str) -> bool:
    """Whether a GPU was free and is this process's now; the system frees it when the process ends, in whatever way."""
    number = os.open(folder / f"gpu-{name.replace('/', '-')}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(number)
        return False
    return True
