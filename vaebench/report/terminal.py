"""What a run of the workflow says on the terminal: a line for each job, of what it was and what it reached.

Snakemake's own handler is given this formatter when the workflow is read; options such as ``--quiet`` stay its own.
"""

from __future__ import annotations

import ast
import logging
import re
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from snakemake.logging import DefaultFormatter, logger
from snakemake_interface_logger_plugins.common import LogEvent

from vaebench import memory
from vaebench.study.config import changes

SILENT = {
    LogEvent.JOB_STARTED,
    LogEvent.PROGRESS,
    LogEvent.SHELLCMD,
    LogEvent.RESOURCES_INFO,
    LogEvent.WORKFLOW_STARTED,
    LogEvent.GROUP_INFO,
}
CHATTER = re.compile(
    "Select jobs to execute|Assuming unrestricted|host: |Building DAG|Using shell|Provided cores|Rules claiming more|"
    "Config file .* is extended|Complete log"
)
# What Snakemake says of how a process ended, which goes into the line of its job.
ENDED = re.compile(r"died with <Signals\.(\w+): \d+>|returned non-zero exit status (\d+)")
OURS = "vaebench: "
STARVED = "most likely by the system, for lack of memory: run fewer jobs at a time (--cores), or free some"
# What Snakemake says of why a job runs, and what we say.
REASONS = (
    (r"Missing output files: .*", "not there yet"),
    (r"Input files updated by another job: .*", "its input is made anew"),
    (r"Updated input files: (.*)", r"newer input \1"),
    (r"Set of input files has changed since last execution", "other inputs"),
    (r"Code has changed since last execution", "its script has changed"),
    (r"Forced execution", "forced"),
)
PRINTS = {"code": "its code has changed", "files": "its files have changed"}  # parameters that are fingerprints


def speak() -> None:
    """Let Snakemake's handler of the terminal, if it has one, say what this module says."""
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler" and isinstance(handler.formatter, DefaultFormatter):
            told = Told(handler.formatter, dryrun=any(getattr(chosen, "dryrun", False) for chosen in handler.filters))
            handler.setFormatter(told)
            # Before the filter of --quiet, which may keep from us what there is to count.
            handler.filters.insert(0, told.heeds)


class Told(DefaultFormatter):
    """One line a job."""

    def __init__(self, default: DefaultFormatter, *, dryrun: bool) -> None:
        super().__init__(default.quiet, default.show_failed_logs)
        self.dryrun = dryrun
        self.started = time.monotonic()
        self.jobs: dict[int, tuple[str, str, Sequence[str], float]] = {}
        self.planned: Counter[str] = Counter()
        self.spent: dict[str, list[float]] = {}
        self.starved = memory.kills()
        self.ends: dict[int | None, str] = {}  # how the process of a job ended, by the thread that waited for it

    def heeds(self, record: logging.LogRecord) -> bool:
        """Take note of a record; whether it is to be printed."""
        event = getattr(record, "event", None)
        if event == LogEvent.RUN_INFO:
            seen = bool(self.planned)
            self.planned = Counter(vars(record)["stats"])
            self.planned.pop("total", None)
            return not seen
        if event == LogEvent.JOB_INFO:
            facts = vars(record)
            self.jobs[facts["jobid"]] = (
                facts["rule_name"],
                name(facts["rule_name"], facts["wildcards"]),
                facts["log"],
                time.monotonic(),
            )
            return self.dryrun
        if event == LogEvent.ERROR and (found := ENDED.search(record.getMessage())):
            self.ends[record.thread] = found[1] or killer(int(found[2]))
            return False
        if event == LogEvent.JOB_ERROR and vars(record)["indent"]:  # of a group, which has a line of its own
            return False
        return event not in SILENT and not (event is None and CHATTER.match(record.getMessage()))

    def format_run_info(self, msg: dict[str, Any]) -> str:
        counts = ", ".join(f"{count} {rule}" for rule, count in self.planned.items())
        return f"{self.planned.total()} jobs: {counts}"

    def format_job_info(self, msg: dict[str, Any]) -> str:
        return f"{name(msg['rule_name'], msg['wildcards'])}: {reason(msg['reason'])}"

    def format_job_finished(self, msg: dict[str, Any]) -> str:
        rule, what, logs, since = self.jobs[msg["job_id"]]
        now = time.monotonic()
        self.spent.setdefault(rule, []).append(now - since)
        done = sum(map(len, self.spent.values()))
        reached = last_line(logs)
        return (
            f"[{done} of {self.planned.total()}, {clock(self.left(now))} left] {what}"
            + (f": {reached}" if reached else "")
            + f" ({now - since:.1f} s)"
        )

    def format_job_error(self, msg: dict[str, Any]) -> str:
        why = self._why(msg, self.ends.pop(msg["thread"], ""))
        return (
            f"failed: {self._named(msg)}" + (f": {why}" if why else "") + f" (log: {', '.join(msg['log']) or 'none'})"
        )

    def format_group_error(self, msg: dict[str, Any]) -> str:
        jobs, logs = msg["job_error_info"], msg["aux_logs"]
        words = [f"{self._named(job)}: {said}" for job in jobs if (said := last_line(job["log"])).startswith(OURS)]
        why = "; ".join(words) or f"one of {', '.join(map(self._named, jobs))} was ended, or said nothing"
        return f"failed: {len(jobs)} jobs in one submission: {why} (log: {', '.join(logs) or 'none'})"

    def _named(self, job: Mapping[str, Any]) -> str:
        """A job of a record."""
        return self.jobs[job["jobid"]][1] if job["jobid"] in self.jobs else job["rule_name"]

    def _why(self, job: Mapping[str, Any], ended: str) -> str:
        """Why a job failed: how its process ``ended``, else what it said of that, else what its executor says."""
        said = last_line(job["log"])
        if ended == "SIGKILL" and memory.kills() > self.starved:
            return f"killed, {STARVED}"
        if ended:
            return f"killed by {ended}: run the same again to go on"
        return said if said.startswith(OURS) else " ".join((job["rule_msg"] or said).split())

    def left(self, now: float) -> float:
        """Seconds that the planned jobs will take if they go on as their rules' jobs went, as many at a time."""
        seconds = [second for each in self.spent.values() for second in each]
        usual = sum(seconds) / len(seconds)
        ahead = 0.0
        for rule, count in self.planned.items():
            done = self.spent.get(rule, [])
            ahead += (count - len(done)) * (sum(done) / len(done) if done else usual)
        return ahead * (now - self.started) / max(sum(seconds), 1e-9)


def killer(status: int) -> str:
    """The signal that an exit status of a shell tells of; empty if it is of no signal."""
    try:
        return signal.Signals(status - 128).name
    except ValueError:
        return ""


def name(rule: str, wildcards: Mapping[str, Any]) -> str:
    """A job by its rule and its wildcards: ``train digits/mlp/vae/z2``."""
    parts = [f"z{value}" if key == "latent" else str(value) for key, value in wildcards.items()]
    return " ".join(filter(None, (rule, "/".join(parts))))


def reason(text: str) -> str:
    """Why a job runs, in a few words."""
    words = []
    for part in text.split("; "):
        if found := re.match(r"Params have changed since last execution: .*before: (.*) now: (.*)", part, re.DOTALL):
            old, new = map(_params, found.groups())
            told = [said for what, said in PRINTS.items() if old.pop(what, None) != new.pop(what, None)]
            words += [changes(old, new), *told]
            continue
        for pattern, said in REASONS:
            if re.fullmatch(pattern, part, re.DOTALL):
                part = re.sub(pattern, said, part, flags=re.DOTALL)
        words.append(part)
    return "; ".join(dict.fromkeys(filter(None, words)))


def _params(text: str) -> dict[str, Any]:
    """The parameters in Snakemake's list of their representations, by name where they have names."""
    try:
        values = ast.literal_eval(f"({text.strip()},)") if "nothing exclusive" not in text else ()
    except (ValueError, SyntaxError):
        return {"settings": text.strip()}
    named: dict[str, Any] = {}
    for value in values:
        named |= value if isinstance(value, dict) else {"settings": value}
    return named


def last_line(logs: Sequence[str]) -> str:
    """The last line that a job wrote to its log, if it did."""
    for log in logs:
        with suppress(OSError):
            lines = [line.strip() for line in Path(log).read_text(errors="replace").splitlines()]
            if said := [line for line in lines if line]:
                return said[-1]
    return ""


def clock(seconds: float) -> str:
    """Seconds as ``1:02`` or ``3:04:05``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def ended(results: str) -> None:
    """Say where what was made lies."""
    for what in ("tables", "figures", "provenance.json", "site"):
        if (place := Path(results, what)).exists():
            logger.info(f"{what.partition('.')[0]}: {place}")
