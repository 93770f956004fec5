"""Memory, asked for before it is gone: a system that runs out of it ends processes without a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vaebench.errors import VaebenchError

GROUPS = Path("/sys/fs/cgroup")
# Of a control group (limit, use, and what of its use the system takes back): version 2, and version 1.
FILES = {
    GROUPS: ("memory.max", "memory.current", "inactive_file"),
    GROUPS / "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}


def free() -> float:
    """Bytes that this process may still take, of the machine's and of its control groups'; infinite if not told."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        machine = next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        machine = float("inf")
    return min(machine, *_groups(), float("inf"))


def hold(what: object, size: float, mend: str) -> None:
    """Raise `VaebenchError` if ``what`` needs more bytes than are `free`."""
    if size > (left := free()):
        needs, has = (f"{count / 1e9:,.1f} GB" for count in (size, left))
        raise VaebenchError(f"{what}: it takes {needs} of memory, and {has} are free: {mend}")


def kills() -> int:
    """How many processes the system has ended for lack of memory since it started; 0 if it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    except (OSError, StopIteration):
        return 0


def _groups() -> Iterator[float]:
    """Bytes free in each control group that this process is in."""
    try:
        places = [line.split(":", 2)[2] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        return
    for top, names in FILES.items():
        for folder in {folder for place in places for folder in (top / place[1:], *(top / place[1:]).parents)}:
            try:
                limit, used = (int((folder / name).read_text()) for name in names[:2])
                facts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
                yield limit - used + int(facts[names[2]])
            except (OSError, ValueError, KeyError):  # no such group, or without a limit
                continue
