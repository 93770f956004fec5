"""What the terminal says of jobs that fail: one line each, with how they ended, whatever Snakemake says of it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.common import LogEvent

from vaebench import memory
from vaebench.report.terminal import Told, killer

CALL = "CalledProcessError in file \"train.smk\", line 24:\nCommand 'set -euo pipefail; python train.py' "


def record(event: LogEvent | None, text: str = "", **facts: Any) -> logging.LogRecord:
    made = logging.LogRecord("snakemake", logging.ERROR, "", 0, text, None, None)
    vars(made).update(facts | {"event": event})
    return made


def failure(log: Path, number: int = 1, **facts: Any) -> dict[str, Any]:
    """What Snakemake tells of a job that failed."""
    return {"rule_name": "train", "jobid": number, "log": [str(log)], "rule_msg": None, "indent": False} | facts


def said(records: list[logging.LogRecord]) -> list[str]:
    told = Told(DefaultFormatter(), dryrun=False)
    for number, flavour in enumerate(("vae", "beta_vae"), 1):
        told.heeds(record(LogEvent.JOB_INFO, jobid=number, rule_name="train", wildcards={"flavour": flavour}, log=[]))
    return [told.format(each) for each in records if told.heeds(each)]


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ("died with <Signals.SIGKILL: 9>.", "killed by SIGKILL: run the same again to go on"),
        ("returned non-zero exit status 139.", "killed by SIGSEGV: run the same again to go on"),
        ("returned non-zero exit status 1.", "vaebench: it is wrong: mend it"),
    ],
)
def test_a_job_that_failed_is_one_line(tmp_path: Path, end: str, line: str) -> None:
    log = tmp_path / "train.log"
    log.write_text("epoch 3 of 9\nvaebench: it is wrong: mend it\n")
    records = [record(LogEvent.ERROR, CALL + end), record(LogEvent.JOB_ERROR, **failure(log))]
    assert said(records) == [f"failed: train vae: {line} (log: {log})"]


def test_lack_of_memory_is_told_where_the_system_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = iter([memory.kills(), memory.kills() + 1])
    monkeypatch.setattr(memory, "kills", lambda: next(counted))
    records = [
        record(LogEvent.ERROR, CALL + "died with <Signals.SIGKILL: 9>."),
        record(LogEvent.JOB_ERROR, **failure(tmp_path)),
    ]
    (line,) = said(records)
    assert line.startswith(
        "failed: train vae: killed, most likely by the system, for lack of memory: run fewer jobs at a "
    )


def test_each_job_has_its_own_end(tmp_path: Path) -> None:
    """Jobs fail side by side, each in the thread that waited for it."""
    end, other = record(LogEvent.ERROR, CALL + "died with <Signals.SIGKILL: 9>."), record(LogEvent.JOB_ERROR)
    vars(other).update(failure(tmp_path / "none", 2))
    vars(end)["thread"], vars(other)["thread"] = 1, threading.get_ident()
    mine = record(LogEvent.JOB_ERROR, **failure(tmp_path / "none"))
    vars(mine)["thread"] = 1
    assert said([end, other, mine]) == [
        f"failed: train beta_vae (log: {tmp_path}/none)",
        f"failed: train vae: killed by SIGKILL: run the same again to go on (log: {tmp_path}/none)",
    ]


def test_what_an_executor_says_is_told_of_a_job_that_says_nothing(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("epoch 3 of 9\n")
    words = "SLURM-job '5' failed, SLURM status is:\n 'OUT_OF_MEMORY'"
    (line,) = said([record(LogEvent.JOB_ERROR, **failure(log, rule_msg=words))])
    assert line == f"failed: train vae: SLURM-job '5' failed, SLURM status is: 'OUT_OF_MEMORY' (log: {log})"


def test_a_group_is_one_line_that_names_who_failed(tmp_path: Path) -> None:
    logs = [tmp_path / "one.log", tmp_path / "other.log"]
    logs[0].write_text("2 of 2 seeds finished\n")
    jobs = [failure(log, number, indent=True) for number, log in enumerate(logs, 1)]
    group = record(LogEvent.GROUP_ERROR, job_error_info=jobs, aux_logs=["slurm.log"])
    each = [record(LogEvent.JOB_ERROR, **job) for job in jobs]
    begin = "failed: 2 jobs in one submission: "
    assert said([group, *each]) == [
        begin + "one of train vae, train beta_vae was ended, or said nothing (log: slurm.log)"
    ]
    logs[1].write_text("vaebench: it is wrong: mend it\n")
    assert said([group, *each]) == [begin + "train beta_vae: vaebench: it is wrong: mend it (log: slurm.log)"]


def test_statuses_of_signals_are_their_names() -> None:
    assert [killer(status) for status in (1, 128, 130, 137, 143, 255)] == ["", "", "SIGINT", "SIGKILL", "SIGTERM", ""]
    assert memory.kills() >= 0
