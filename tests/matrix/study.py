"""A study whose jobs run in forked processes, one by one, with a fault or without."""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import shutil
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from matrix.injection import Call, Door, Fault, watched
from matrix.plan import Job
from vaebench import locks
from vaebench.cli import main
from vaebench.evaluation import judge
from vaebench.files import opened

STEPS = 8  # of a judge: a poor one breaks no file
SILENCE = 1.0  # seconds in which a lock that is damaged is waited for
TIMES = {"cost.json"}  # files that tell how long something took


class Ended(NamedTuple):
    """How a process ended, what it said on standard error, and its calls, unless it was killed."""

    status: int
    said: str
    calls: list[Call]
    fault: bool  # whether it came

    @property
    def told(self) -> bool:
        """Whether all that it said is one line of ours."""
        return self.status == 1 and self.said.startswith("vaebench: ") and self.said.count("\n") == 1


class Study:
    """Jobs in the order in which they can run, their results undisturbed, and the same results under faults."""

    def __init__(self, folder: Path, jobs: list[Job]) -> None:
        self.folder, self.jobs = folder, jobs
        self.whole, self.here = folder / "undisturbed", folder / "disturbed"
        self.here.mkdir()
        judge.STEPS, locks.SILENCE = STEPS, SILENCE
        for job in jobs:
            ended = self.run(job)
            assert (ended.status, ended.said) == (0, ""), (job.rule, ended.said)
            for module in sorted(pickle.loads((folder / "modules").read_bytes())):  # not to be imported by each again
                with suppress(Exception):
                    importlib.import_module(module)
        gc.freeze()  # else the collector of each process copies what they share
        shutil.copytree(self.here, self.whole)
        self.undisturbed = self.contents(self.whole)

    def run(self, job: Job, fault: Fault | None = None) -> Ended:
        """A job as the workflow runs it: without its outputs of before."""
        for path in job.outputs:
            (self.here / path).unlink(missing_ok=True)
            (self.here / path).parent.mkdir(parents=True, exist_ok=True)
        (self.here / job.given.log[0]).parent.mkdir(parents=True, exist_ok=True)
        code = compile(job.script.read_text(), job.script, "exec")
        return self.forked(lambda: exec(code, {"snakemake": job.given}), fault)

    def verify(self) -> Ended:
        """What ``vaebench verify`` says."""
        return self.forked(lambda: main(["verify", "results"]), None)

    def forked(self, work: Callable[[], object], fault: Fault | None) -> Ended:
        """A process of its own that does some work."""
        notes, said = self.folder / "notes", self.folder / "said"
        notes.unlink(missing_ok=True)
        child = os.fork()
        if not child:
            self._child(work, fault, notes, said)
        _, status = os.waitpid(child, 0)
        calls, came = pickle.loads(notes.read_bytes()) if notes.exists() else ([], True)
        return Ended(os.waitstatus_to_exitcode(status), said.read_text(), calls, came)

    def _child(self, work: Callable[[], object], fault: Fault | None, notes: Path, said: Path) -> None:
        status = 70
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(os.open(said, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), 2)
            os.chdir(self.here)
            door = Door(self.here, fault)
            before = {*sys.modules}
            try:
                with watched(door):
                    work()
                status = 0
            except SystemExit as error:
                status = error.code if isinstance(error.code, int) else 1
                if isinstance(error.code, str):
                    print(error.code, file=sys.stderr)
            except BaseException:
                traceback.print_exc()
                status = 1
            notes.write_bytes(pickle.dumps((door.calls, door.bad is not None)))
            (self.folder / "modules").write_bytes(pickle.dumps({*sys.modules} - before))
        finally:
            os._exit(status)

    def restore(self) -> None:
        """Put back what is not as it is undisturbed."""
        shutil.rmtree(self.here)
        shutil.copytree(self.whole, self.here)

    def contents(self, folder: Path) -> dict[str, bytes]:
        """Of all results, but for logs and what tells the time."""
        found = {}
        for path in sorted((folder / "results").rglob("*")):
            name = path.relative_to(folder / "results").as_posix()
            if path.is_file() and not name.startswith("logs/") and path.name not in TIMES:
                found[name] = path.read_bytes()
        return found

    def keep_time(self) -> None:
        """Put back what tells the time, if it is whole: it is the same in no two trainings."""
        for path in self.here.rglob("*/cost.json"):
            with suppress(ValueError):
                opened(path.read_text())
                shutil.copy(self.whole / path.relative_to(self.here), path)
