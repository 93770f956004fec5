"""The workflow on a SLURM cluster of one node, which `setup.sh` makes: submitted, preempted, killed, grouped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from vaebench.report import statistic

ROOT = Path(__file__).parents[2]
SETUP = ["bash", str(Path(__file__).with_name("setup.sh"))]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
PROFILE = ROOT / "workflow/profiles/slurm/config.yaml"
POLLED = [
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3"),
    *("--seconds-between-status-checks", "3", "--latency-wait", "10"),
]
SAID = "said.txt"
FLAVOURS = ("vae", "ae")
STUDY = {
    "datasets": {"digits": {"limits": {"train": 512, "validation": 64, "test": 64}}},
    "architectures": {"mlp": {"hidden": [16]}},
    "flavours": {flavour: {} for flavour in FLAVOURS},
    "latents": [2],
    "seeds": [0, 1],
    "pack": 2,
    "evaluation": {"importance_samples": 10, "importance_images": 20, "gallery_images": 4},
}

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(3600)]


def said(*command: str) -> str:
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """SLURM, left as it was found."""
    found = subprocess.run([*SETUP, "status"], capture_output=True).returncode == 0
    started = subprocess.run([*SETUP, "start"], capture_output=True, text=True)
    if started.returncode == 77:
        pytest.skip(started.stderr.strip().splitlines()[-1])
    assert started.returncode == 0, started.stderr
    yield
    if not found:
        said(*SETUP, "stop")


@contextmanager
def begun(folder: Path, *arguments: str, epochs: int) -> Iterator[subprocess.Popen[bytes]]:
    """A workflow that runs in a folder of its own."""
    folder.mkdir()
    settings = STUDY | {"training": {"epochs": epochs, "batch_size": 64}}
    (folder / "study.yaml").write_text(yaml.safe_dump(settings))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        ROOT / "Snakefile",
        "--configfile=study.yaml",
        *arguments,
    ]
    with (folder / SAID).open("wb") as log:
        workflow = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield workflow
    finally:
        workflow.kill()
        workflow.wait()
        for job in submissions(folder):
            said("scancel", job)


def ended(folder: Path, workflow: subprocess.Popen[bytes]) -> str:
    """What a workflow has said, which must have gone well."""
    code = workflow.wait()
    text = (folder / SAID).read_text()
    assert code == 0, text
    return text


def submissions(folder: Path) -> dict[str, str]:
    """Rules and wildcards of all that a workflow has submitted, by SLURM's number of the job."""
    run = re.search(r"SLURM run ID: (\S+)", (folder / SAID).read_text())
    rows = (
        said("squeue", "--states=all", "--noheader", f"--name={run[1]}", "--format=%i %k").splitlines() if run else []
    )
    return dict(row.split(" ", 1) for row in sorted(rows, key=lambda row: int(row.split()[0])))


def fact(job: str, name: str) -> str:
    """What SLURM holds of a job."""
    return re.findall(rf"\b{name}=(\S+)", said("scontrol", "show", "job", job))[0]


def training(job: str) -> int:
    """The process that trains in a job."""
    rows = said("scontrol", "listpids", job).splitlines()[1:]
    commands = {int(row.split()[0]): Path("/proc", row.split()[0], "cmdline") for row in rows}
    (found,) = (process for process, path in commands.items() if path.exists() and b".train.py" in path.read_bytes())
    return found


def tables(folder: Path) -> dict[str, bytes]:
    """The tables of a study, but for those that tell of its costs."""
    costs = {"compute", *(name for name, inputs in statistic.inputs(geometry=True).items() if "compute" in inputs)}
    files = (path for path in folder.glob("results/tables/*") if path.is_file() and path.stem not in costs)
    return {path.name: path.read_bytes() for path in files}


def test_preempted_and_killed_jobs_resume_and_end_in_the_same_bytes(tmp_path: Path) -> None:
    cluster, here = tmp_path / "cluster", tmp_path / "here"

    def epochs(flavour: str) -> int:
        """Epochs that the history of a flavour's run tells of."""
        path = cluster / f"results/runs/digits/mlp/{flavour}/z2/seed0/history.csv"
        rows = path.read_text().splitlines()[1:] if path.exists() else []
        return int(rows[-1].split(",")[0]) if rows else 0

    def job(flavour: str) -> str:
        """The last job that trains a flavour."""
        jobs = [job for job, what in submissions(cluster).items() if what.endswith(f"digits_mlp_{flavour}_2")]
        return jobs[-1]

    saved = dict.fromkeys(FLAVOURS, 0)
    with begun(cluster, "--workflow-profile", str(PROFILE), *POLLED, epochs=1500) as workflow:

        def until(true: Callable[[], bool]) -> None:
            """Wait for something; meanwhile no run may fall behind what it had saved."""
            while not true():
                assert workflow.poll() is None, (cluster / SAID).read_text()
                assert all(epochs(flavour) >= saved[flavour] for flavour in FLAVOURS)
                time.sleep(0.2)

        until(lambda: all(epochs(flavour) > 100 for flavour in FLAVOURS))
        first = {flavour: job(flavour) for flavour in FLAVOURS}
        assert all("gpu:1" in fact(number, "TresPerJob") for number in first.values())
        said("sbatch", "--partition=urgent", "--gpus=2", "--output=/dev/null", "--wrap=sleep 2")
        saved = {flavour: epochs(flavour) for flavour in FLAVOURS}
        until(lambda: all(fact(number, "Restarts") == "1" for number in first.values()))
        until(lambda: all(epochs(flavour) > saved[flavour] + 100 for flavour in FLAVOURS))
        os.kill(training(first["vae"]), signal.SIGKILL)
        until(lambda: job("vae") != first["vae"])
        assert fact(first["vae"], "JobState") == "FAILED"
        assert [fact(number, "MinMemoryNode") for number in (first["vae"], job("vae"))] == ["4000M", "8000M"]
        until(lambda: all(epochs(flavour) == 1500 for flavour in FLAVOURS))
        ended(cluster, workflow)
    for flavour in FLAVOURS:
        log = (cluster / f"results/logs/train/digits/mlp/{flavour}/z2.log").read_text()
        went_on = re.search(r"seed 0, 1: goes on after epoch (\d+) of 1500", log)
        assert went_on and int(went_on[1]) >= saved[flavour], log
    rules = Counter(re.sub("_wildcards.*", "", what) for what in submissions(cluster).values())
    assert rules == {
        "rule_data_prepare_sheet": 1,
        "rule_train": 3,
        "rule_measure": 2,
        "rule_figures_figure_of_block_figure_of_study": 1,
    }
    with begun(here, "--cores", "2", epochs=1500) as workflow:
        ended(here, workflow)
    assert tables(cluster) == tables(here) and "metrics.csv" in tables(here)


def test_cells_of_seconds_share_a_submission(tmp_path: Path) -> None:
    settings = yaml.safe_load(PROFILE.read_text())
    settings |= {"groups": {"train": "cells", "measure": "cells"}, "group-components": {"cells": 20, "figures": 100}}
    for rule in ("train", "measure"):
        settings["set-resources"][rule]["runtime"] = "5 * attempt"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    folder = tmp_path / "cluster"
    with begun(folder, "--workflow-profile", str(tmp_path), *POLLED, epochs=2) as workflow:
        ended(folder, workflow)
    assert list(submissions(folder).values()) == [
        "rule_data_prepare_sheet",
        "rule_cells_measure_train",
        "rule_figures_figure_of_block_figure_of_study",
    ]
    cells = list(submissions(folder))[1]
    assert fact(cells, "TimeLimit") == "00:20:00" and "gpu:1" in fact(cells, "TresPerJob")
