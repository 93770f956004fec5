"""Jobs on one machine with several GPUs, which are none: no two have the same one at a time, and all are used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from vaebench.training import devices, hardware

JOB = """
import os, sys, time
from pathlib import Path
from vaebench.training.devices import lease
lease()
begun = time.monotonic()
while len(list(Path(os.environ["TMPDIR"]).rglob("gpu-*.lock"))) < 3:  # others are on their way
    time.sleep(0.05)
time.sleep(float(sys.argv[2]))
Path(sys.argv[1]).write_text(f"{os.environ['CUDA_VISIBLE_DEVICES']} {begun} {time.monotonic()}")
"""
SNAKEFILE = """
rule all:
    input: collect("{job}.txt", job=range(9))

rule job:
    output: "{job}.txt"
    resources: gpu=1
    shell: "{config[python]} job.py {output} 0.3"
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three GPUs, and a folder of locks of its own."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,GPU-5f/2")
    (tmp_path / "job.py").write_text(JOB)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def started(folder: Path, name: str, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "job.py", f"{name}.txt", str(seconds)]
    return subprocess.Popen(command, cwd=folder, text=True, stderr=subprocess.PIPE)


def ran(folder: Path) -> dict[str, list[tuple[float, float]]]:
    """When which GPU was used."""
    found = defaultdict(list)
    for path in folder.glob("*.txt"):
        gpu, begun, ended = path.read_text().split()
        found[gpu].append((float(begun), float(ended)))
    return {gpu: sorted(times) for gpu, times in found.items()}


@pytest.mark.parametrize("claimed", [["--resources", "gpu=3"], []], ids=["claimed", "unclaimed"])
def test_jobs_of_a_workflow_share_out_the_gpus(machine: Path, claimed: list[str]) -> None:
    """Also where Snakemake was not told how many there are, and runs more jobs at once."""
    command = [sys.executable, "-m", "snakemake", "--cores", "5", *claimed, "--config", f"python={sys.executable}"]
    subprocess.run(command, cwd=machine, check=True, capture_output=True, timeout=120)
    found = ran(machine)
    assert found.keys() == {"0", "1", "GPU-5f/2"}
    assert sum(map(len, found.values())) == 9
    for times in found.values():
        assert all(ended <= begun for (_, ended), (begun, _) in pairwise(times))


def test_a_job_that_finds_no_gpu_says_so_and_takes_what_a_killed_one_leaves(machine: Path) -> None:
    with ExitStack() as stack:
        jobs = [stack.enter_context(started(machine, name, 60)) for name in "abc"]
        locks = machine / "temporary" / f"vaebench-{os.getuid()}"
        until = time.monotonic() + 60
        while len(list(locks.glob("gpu-*.lock"))) < 3 and time.monotonic() < until:
            time.sleep(0.1)
        late = stack.enter_context(started(machine, "late", 0))
        assert late.stderr is not None
        assert late.stderr.readline() == "vaebench: all 3 GPUs are in use by other jobs: waiting until one is free\n"
        jobs[1].kill()
        assert late.wait(60) == 0
        assert len(ran(machine)) == 1
        for job in jobs:
            job.kill()


@pytest.mark.parametrize("visible", ["GPU-7", ""])
def test_what_a_scheduler_leaves_a_job_is_taken_as_it_is(machine: Path, visible: str, monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    devices.lease()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == visible
    assert not list((machine / "temporary").iterdir())


def test_a_job_on_a_cpu_holds_no_gpu(machine: Path) -> None:
    assert hardware.device("cpu", own=True).type == "cpu"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1,GPU-5f/2"
    assert not list((machine / "temporary").iterdir())
