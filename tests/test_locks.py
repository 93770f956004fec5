"""Locks: one process at a time, who waits is told for whom, and what a dead process has left is taken over."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from faults import fault

from vaebench import locks
from vaebench.locks import beside, held
from vaebench.report import provenance

HOLD = """
import sys, time
from pathlib import Path
from vaebench.locks import held
with held(Path(sys.argv[1]), "the place"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""
WAITING = r"vaebench: the place is in use by process (\d+) on (\S+) since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* \((.*)\): "
WAITING += "waiting until it ends"


def holder(lock: Path, seconds: float) -> subprocess.Popen[str]:
    """A process that holds a lock."""
    command = [sys.executable, "-c", HOLD, str(lock), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def foreign(lock: Path, **facts: object) -> None:
    """A lock as a process on another machine writes it."""
    told = {"host": "elsewhere", "home": "elsewhere pid:[1]", "pid": 1, "born": "1", "since": "noon", "command": "it"}
    lock.write_text(json.dumps(told | facts))


def _count(folder: Path) -> None:
    """Read, wait, and write one more: numbers are lost if two do it at once."""
    for _ in range(20):
        with held(folder / ".lock", folder):
            number = int((folder / "count").read_text())
            time.sleep(0.001)
            (folder / "count").write_text(str(number + 1))


def test_one_process_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LOOK", 0.001)
    (tmp_path / "count").write_text("0")
    workers = [get_context("fork").Process(target=_count, args=(tmp_path,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (tmp_path / "count").read_text() == "80"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_who_waits_is_told_for_whom_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "new/.lock"
    with holder(lock, 1.0) as process, held(lock, "the place"):
        assert process.wait() == 0
    (line,) = {*capsys.readouterr().err.splitlines()}
    found = re.fullmatch(WAITING, line)
    assert found and found[1] == str(process.pid) and found[2] == socket.gethostname()
    assert found[3].startswith(Path(sys.executable).name) and len(found[3]) <= locks.LONGEST
    assert not lock.exists()


@pytest.mark.parametrize("reaped", [True, False])
def test_the_lock_of_a_killed_process_is_taken_over_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reaped: bool
) -> None:
    lock = tmp_path / ".lock"
    with holder(lock, 60.0) as process:
        process.kill()
        if reaped:
            process.wait()
        else:  # a zombie, whose number is still taken
            while Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2][0] != "Z":
                time.sleep(0.01)
        begun = time.monotonic()
        assert lock.exists()
        with held(lock, "the place"):
            assert json.loads(lock.read_bytes())["pid"] == os.getpid()
    assert time.monotonic() - begun < 1 and capsys.readouterr().err == "" and not list(tmp_path.iterdir())


def test_a_number_that_another_process_has_by_now_is_no_life(tmp_path: Path) -> None:
    facts = json.loads(locks._identity())
    foreign(tmp_path / ".lock", **facts | {"born": "1"})  # of this process's number
    with held(tmp_path / ".lock", "the place"):
        pass


def test_a_lock_of_another_machine_is_dead_when_its_time_stands_still(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "SILENCE", 0.6)
    lock = tmp_path / ".lock"
    foreign(lock)
    os.utime(lock, (4e9, 4e9))  # its clock may be anywhere
    begun = time.monotonic()
    with held(lock, "the place"):
        assert time.monotonic() - begun >= 0.6
    line = "vaebench: the place is in use by process 1 on elsewhere since noon (it): waiting until it ends; if that is "
    assert {*capsys.readouterr().err.splitlines()} == {f"{line}gone, this goes on in 1 s, or at once after rm {lock}"}


def test_a_lock_of_another_machine_that_lives_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sign of life is the time of its file."""
    monkeypatch.setattr(locks, "SILENCE", 0.5)
    monkeypatch.setattr(locks, "BEAT", 0.1)
    lock = tmp_path / ".lock"
    alive = "from vaebench import locks\nlocks.BEAT = 0.1\nlocks._home = lambda: 'elsewhere'\n"
    command = [sys.executable, "-c", alive + HOLD, str(lock), "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with held(lock, "the place"):
            assert process.wait() == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"pid": 1}'])
def test_a_lock_that_says_nothing_is_one_of_a_process_that_was_killed_as_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locks, "SILENCE", 0.3)
    (tmp_path / ".lock").write_bytes(content)
    with held(tmp_path / ".lock", "the place"):
        pass
    assert "in use by a process that has not said which: " in capsys.readouterr().err


def test_what_came_in_a_dead_lock_s_place_is_not_broken(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    foreign(lock)
    dead = locks._read(lock)
    assert dead is not None
    foreign(lock, pid=2)
    locks._break(lock, dead)
    assert json.loads(lock.read_text())["pid"] == 2 and [*tmp_path.iterdir()] == [lock]
    lock.unlink()
    locks._break(lock, dead)  # which another has done


def test_a_lock_that_was_taken_over_is_not_removed(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    with held(lock, "the place"):
        foreign(lock)
    assert lock.exists()


def test_an_exception_ends_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), held(tmp_path / ".lock", "the place"):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_the_file_system_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    def hold() -> None:
        with held(tmp_path / "file/.lock", "the place"):
            pass

    assert fault(hold).startswith(f"{tmp_path}/file/.lock cannot be written (")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_where_nobody_may_write_nothing_is_locked(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with held(tmp_path / ".lock", "the place"):
        assert not list(tmp_path.iterdir())
    tmp_path.chmod(0o700)


def test_locks_are_no_results(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/a.csv").write_text("")
    with held(beside(tmp_path / "tables/a.csv"), "the table"):
        assert [*provenance.chain(tmp_path)] == ["tables/a.csv"]


def test_it_costs_next_to_nothing(tmp_path: Path) -> None:
    begun = time.monotonic()
    for _ in range(100):
        with held(tmp_path / ".lock", "the place"):
            pass
    assert (time.monotonic() - begun) / 100 < 0.02  # seconds, of jobs that take a second and more


TRAIN = "train bits vae --path bits.npy --latent 2 --network-set hidden=[16] --training epochs=30 batch_size=20 "
TRAIN += "--device cpu --output runs --seeds 0 1"


def test_two_trainings_of_one_folder_both_end_right(tmp_path: Path) -> None:
    np.save(tmp_path / "bits.npy", np.random.default_rng(0).integers(0, 2, (280, 4, 4)))
    command = [sys.executable, "-m", "vaebench", *TRAIN.split()]
    begun = [subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in begun]
    assert [process.returncode for process in begun] == [0, 0], said
    assert said[0][0] == said[1][0] and "finished after 30 epochs" in said[0][0]
    waited = [line for _, told in said for line in told.splitlines() if "waiting until it ends" in line]
    assert all(line.startswith("vaebench: runs/seed0 is in use by process ") for line in waited)
    trained = Counter(line for _, told in said for line in told.splitlines() if "epoch 30 of 30" in line)
    assert len(waited) == 1 and trained.total() == 2  # each seed once
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"seed0", "seed1"}


def test_a_run_whose_training_was_killed_is_taken_up(tmp_path: Path) -> None:
    np.save(tmp_path / "bits.npy", np.random.default_rng(0).integers(0, 2, (280, 4, 4)))
    command = [sys.executable, "-m", "vaebench", *TRAIN.split()]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "runs/seed0/history.csv").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / "runs/.seed0.lock").exists()
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0 and "waiting" not in again.stderr
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"seed0", "seed1"}
