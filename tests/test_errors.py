"""How a job of the workflow ends: in one line, in its log and on standard error, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vaebench import errors
from vaebench.errors import Interrupted, VaebenchError, interruptible, refused, reported

JOB = """
import sys
from vaebench.errors import VaebenchError, reported
with reported(sys.argv[1]):
    import os, signal, time
    from pathlib import Path
    from vaebench.files import job, write
    print("it begins", file=sys.stderr)
    with job([], ["out.csv"]):
        {}
print("it goes on")
"""
SOON = "nothing is left half-made: run the same again"


def run(folder: Path, body: str, log: str = "job.log") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", JOB.format(body), log]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_a_job_that_succeeds_prints_to_its_log(tmp_path: Path) -> None:
    ended = run(tmp_path, "write('out.csv', 'whole'); print('reached')")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "it goes on\n", "")
    assert (tmp_path / "job.log").read_text() == "it begins\nreached\n"


def test_an_error_of_the_user_s_is_one_line_in_both(tmp_path: Path) -> None:
    ended = run(tmp_path, "raise VaebenchError('it is wrong: mend it')")
    assert (ended.returncode, ended.stderr) == (1, "vaebench: it is wrong: mend it\n")
    assert (tmp_path / "job.log").read_text() == "it begins\nvaebench: it is wrong: mend it\n"


def test_an_error_of_ours_leaves_its_traceback_in_the_log(tmp_path: Path) -> None:
    ended = run(tmp_path, "1 / 0")
    assert ended.returncode == 1 and ended.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert (tmp_path / "job.log").read_text().endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("number", errors.SIGNALS)
def test_a_signal_is_one_line_in_both_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    body = f"os.kill(os.getpid(), {int(number)}); time.sleep(9); write('out.csv', 'x')"
    ended = run(tmp_path, body)
    line = f"vaebench: interrupted by {number.name}: {SOON}\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", line)
    assert (tmp_path / "job.log").read_text() == f"it begins\n{line}"
    assert [path.name for path in tmp_path.iterdir()] == ["job.log"]


def test_a_signal_as_a_file_is_written_leaves_none(tmp_path: Path) -> None:
    body = "import vaebench.files as f; f.os.fsync = lambda _: os.kill(os.getpid(), 15); write('out.csv', 'x' * 10**6)"
    ended = run(tmp_path, body)
    assert ended.returncode == 1 and ended.stderr == f"vaebench: interrupted by SIGTERM: {SOON}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["job.log"]


@pytest.mark.parametrize("number", errors.SIGNALS)
def test_a_signal_amid_the_imports_is_one_line(tmp_path: Path, number: signal.Signals) -> None:
    """Of a script of the workflow, as Snakemake runs it: they take seconds."""
    script = (Path(__file__).parents[1] / "workflow/scripts/train.py").read_text()
    given = "from types import SimpleNamespace\nsnakemake = SimpleNamespace(log=['job.log'], input=[], output=['x'])\n"
    command = [sys.executable, "-c", given + script]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(number)
        told = process.communicate(timeout=60)[1]
    line = f"vaebench: interrupted by {number.name}: {SOON}"
    assert process.returncode == 1 and told.splitlines()[-1] == line and "Traceback" not in told
    assert (tmp_path / "job.log").read_text().splitlines()[-1] == line


@pytest.mark.parametrize("log", ["/dev/full", "job.log"])
def test_the_line_reaches_the_terminal_though_the_log_s_disk_is_full(tmp_path: Path, log: str) -> None:
    """Both a device that is full, and a limit that a file of one line meets: the job goes on, and says what it must."""
    if log == "/dev/full" and not Path(log).exists():
        pytest.skip("there is no such device")
    limit = "import resource; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limit += "        resource.setrlimit(resource.RLIMIT_FSIZE, (9, 9))\n        "
    body = ("" if log == "/dev/full" else limit) + "print('it says much'); print(file=sys.stderr)\n        "
    ended = run(tmp_path, body + "raise VaebenchError('it is wrong: mend it')", log)
    assert (ended.returncode, ended.stderr) == (1, "vaebench: it is wrong: mend it\n")
    ended = run(tmp_path, "print('it says much')\n        write('out.csv', 'whole')", "/dev/full")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "it goes on\n", "")
    assert (tmp_path / "out.csv").read_text() == "whole"


def test_a_log_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    ended = run(tmp_path, "pass", "absent/job.log")
    assert ended.returncode == 1
    line = "vaebench: absent/job.log cannot be written (No such file or directory): its folder is gone: run it again\n"
    assert ended.stderr == line


def test_signals_are_taken_from_nobody_who_has_them() -> None:
    before = [signal.getsignal(number) for number in errors.SIGNALS]
    with pytest.raises(Interrupted, match=f"interrupted by SIGTERM: {SOON}"), interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
    assert [signal.getsignal(number) for number in errors.SIGNALS] == before
    came: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        with interruptible():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before[1])
    assert came == [signal.SIGTERM]


def test_an_error_of_no_number_says_what_it_says() -> None:
    assert str(refused("a", OSError("odd"))) == "a cannot be written (odd): choose another folder"


def test_reported_ends_no_process_of_a_library(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught, reported(tmp_path / "log"):
        raise VaebenchError("wrong")
    assert caught.value.code == 1 and (tmp_path / "log").read_text() == "vaebench: wrong\n"
