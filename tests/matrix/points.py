"""What becomes of a fault: the workflow runs again, until it and ``vaebench verify`` have nothing more to say."""

from __future__ import annotations

import random
import re
import shlex
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from matrix.injection import FAULTS, Call, Fault
from matrix.plan import PROVENANCE, Job
from matrix.study import Ended, Study
from vaebench.files import SEALS, opened, passing

ROUNDS = 6
LAST = Path(PROVENANCE).name
CACHES = {"kept", "samplers"}  # folders of what is made again where it is not found


class Point(NamedTuple):
    job: Job
    call: Call
    fault: Fault


class Outcome(NamedTuple):
    """What a job with a fault ended with, the lines that were told, what was said else, and files that differ."""

    point: dict[str, Any]
    status: int
    told: list[str]
    tracebacks: list[str]
    wrong: list[str]

    @property
    def lost(self) -> bool:
        """Files are not what they are undisturbed, and will not be."""
        return bool(self.wrong)

    @property
    def silent(self) -> bool:
        """And nobody has said so."""
        return self.lost and not self.told


def points(study: Study, rules: list[str]) -> list[Point]:
    """Every fault at every call of one job of each rule: first one of each kind at each kind of call, then another."""
    found = []
    for rule, job in {job.rule: job for job in study.jobs}.items():
        if rule in rules or not rules:
            fresh(study, job)
            calls = study.run(job).calls
            study.restore()
            found += [
                Point(job, call, Fault(kind, number)) for number, call in enumerate(calls) for kind in FAULTS[call.what]
            ]
    random.Random(0).shuffle(found)
    seen: Counter[tuple[str, str, str]] = Counter()
    ranks = {}
    for point in found:
        key = point.job.rule, point.call.what, point.fault.kind
        ranks[point.job.rule, point.fault] = seen[key]
        seen[key] += 1
    return sorted(found, key=lambda point: ranks[point.job.rule, point.fault])


def fresh(study: Study, job: Job) -> None:
    """Leave nothing of what a job has made."""
    for path in job.outputs:
        (study.here / path).unlink(missing_ok=True)
        (study.here / path.parent / SEALS / path.name).unlink(missing_ok=True)
    for name, inner in (("store", "."), ("kept", "kept")):
        if place := job.given.params.get(name):
            shutil.rmtree(study.here / place / inner)


def attempt(study: Study, point: Point) -> Outcome | None:
    """A job with a fault, and the workflow after it; None if the fault has not come."""
    fresh(study, point.job)
    first = study.run(point.job, point.fault)
    ends = again(study, point.job, first)
    wrong, clean = _compared(study.undisturbed, study.contents(study.here))
    if not clean:
        study.restore()
    if not first.fault:
        return None
    said = [end.said for end in ends if end.status > 0 and not end.told]
    facts = {"rule": point.job.rule, "kind": point.fault.kind, "at": point.fault.at, **point.call._asdict()}
    return Outcome(facts, first.status, [end.said for end in ends if end.told], said, wrong)


def again(study: Study, job: Job, first: Ended) -> list[Ended]:
    """How all processes ended: jobs whose outputs are not there or whose inputs were made anew, and what verifies."""
    ends, done, last = [first], first.status == 0, study.jobs[-1]
    for _ in range(ROUNDS):
        made: list[Job] = []
        for one in study.jobs:
            study.keep_time()
            lacking = not all((study.here / path).exists() for path in one.outputs)
            due = one is job and (not done or any(maker in made for maker in job.makers))
            if lacking or due or (one is last and job is not last):
                ends.append(study.run(one))
                if ends[-1].status:
                    break
                made.append(one)
                done = done or one is job
        else:
            ended = study.verify()
            if not ended.status:
                break
            ends.append(ended)
            repair = re.search(r"repair it by rm -f (.*?) && snakemake", ended.said)
            for path in shlex.split(repair[1]) if repair else [PROVENANCE]:
                (study.here / path).unlink(missing_ok=True)
    study.keep_time()
    return ends


def _compared(wanted: dict[str, bytes], found: dict[str, bytes]) -> tuple[list[str], bool]:
    """Files that differ, and whether there is no more and no less than there should be."""
    litter = {name for name in found if name not in wanted and passing(Path(name))}
    gone = {name for name in wanted if name not in found and CACHES & {*Path(name).parts}}
    differ = {name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)} - litter - gone
    if _noted(wanted, gone) == _noted(found, gone):
        differ.discard(LAST)
    return sorted(differ), wanted == found


def _noted(contents: dict[str, bytes], gone: set[str]) -> Any:
    """A provenance without files that are gone, and without the commit, which an edit of the checkout changes."""
    try:
        document = opened(contents[LAST])
    except (KeyError, ValueError):
        return contents.get(LAST)
    files = {name: digest for name, digest in document["files"].items() if name not in gone}
    return document | {"commit": "", "files": files}
