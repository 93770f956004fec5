"""Signals to a running workflow, and two at once: what is done is kept and told, and the rest gives the same bytes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vaebench.files import SEALS, intact, tag

ROOT = Path(__file__).parents[2]
CONFIG = {
    "datasets": {"digits": {"limits": {"train": 200, "validation": 100, "test": 100}}},
    "architectures": {"mlp": {"hidden": [16]}},
    "flavours": {"vae": {}},
    "latents": [2],
    "seeds": [0],
    "training": {"epochs": 150, "batch_size": 64},
    "evaluation": {"importance_samples": 10, "importance_images": 50, "gallery_images": 4},
}
RUN, EVALUATION = "results/runs/digits/mlp/vae/z2", "results/evaluations/digits/mlp/vae/z2"
TIMED = ("cost.json", "compute.csv", "conditions.json", "seed0.json")  # which hold what a run took, or seal it


def started(folder: Path, **pathvars: str) -> subprocess.Popen[str]:
    """A workflow, in a process group of its own as a terminal or a scheduler makes it."""
    folder.mkdir(exist_ok=True)
    (folder / "test.yaml").write_text(yaml.safe_dump(CONFIG | {"pathvars": pathvars}))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile=test.yaml"]
    return subprocess.Popen(
        [*command, "--cores", "1", "summarise"],
        cwd=folder,
        # Without a buffer Snakemake writes a line and its end apart, and what another process says comes between.
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": ""},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What a workflow said, in whose lines no traceback may be."""
    with process:
        told = process.communicate(timeout=600)[1]
    assert "Traceback" not in told, told
    return told


def until(process: subprocess.Popen[str], there: Callable[[], bool]) -> None:
    while not there():
        assert process.poll() is None
        time.sleep(0.01)


def content(results: Path) -> dict[str, bytes]:
    """Of all files that are the same bytes whenever the same is made."""
    found = [path for place in ("runs", "evaluations", "tables") for path in (results / place).rglob("*")]
    found = [path for path in found if path.is_file() and path.name not in TIMED and SEALS not in path.parts]
    return {str(path.relative_to(results)): path.read_bytes() for path in found if not path.match("compute.*")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    process = started(folder)
    told = ended(process)
    assert process.returncode == 0, told
    return content(folder / "results")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_amid_training(tmp_path: Path, undisturbed: dict[str, bytes], number: signal.Signals) -> None:
    seed, log = tmp_path / RUN / "seed0", tmp_path / "results/logs/train/digits/mlp/vae/z2.log"
    process = started(tmp_path)
    until(process, lambda: (seed / "history.csv").exists() and b"\n9,validation" in (seed / "history.csv").read_bytes())
    os.killpg(process.pid, number)
    told = ended(process)
    assert process.returncode != 0
    line = (
        rf"vaebench: interrupted by {number.name}: digits/mlp/vae/z2 seed 0 is kept up to epoch (\d+) of 150: run the"
    )
    found = re.findall(f"^{line} same again to go on$", told, re.MULTILINE)
    assert len(found) == 1 and re.findall(f"^{line}", log.read_text(), re.MULTILINE) == found
    assert tag(seed / "checkpoint.safetensors")["progress"]["epoch"] == int(found[0])
    assert not list((tmp_path / "results").rglob("*.part*")) and not list((tmp_path / "results").rglob("*.lock"))
    again = started(tmp_path)
    told = ended(again)
    assert again.returncode == 0, told
    assert f"goes on after epoch {found[0]} of 150" in log.read_text()
    assert content(tmp_path / "results") == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_amid_measuring(tmp_path: Path, undisturbed: dict[str, bytes], number: signal.Signals) -> None:
    log = tmp_path / "results/logs/measure/digits/mlp/vae/z2.log"
    process = started(tmp_path)
    until(process, log.exists)
    time.sleep(1.0)  # into its imports, or beyond
    os.killpg(process.pid, number)
    told = ended(process)
    line = f"vaebench: interrupted by {number.name}: nothing is left half-made: run the same again"
    assert process.returncode != 0 and told.splitlines().count(line) == 1, told
    assert log.read_text().splitlines()[-1] == line
    assert not [path for path in (tmp_path / EVALUATION).glob("*.*") if not intact(path)]
    again = started(tmp_path)
    told = ended(again)
    assert again.returncode == 0, told
    assert content(tmp_path / "results") == undisturbed


@pytest.mark.slow
def test_two_workflows_of_one_folder_both_end_right(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """From two working directories, begun at the same time: one waits, and then finds all that it wants."""
    results = tmp_path / "shared"
    both = [started(tmp_path / name, results=str(results)) for name in ("one", "other")]
    said = [ended(process) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    line = (
        rf"vaebench: {results} is in use by process (\d+) on \S+ since .* \(python\S* -m snakemake .*\): waiting until"
    )
    waited = [re.findall(line, told) for told in said]
    (first,) = (place for place, told in enumerate(waited) if not told)
    assert waited[1 - first] == [str(both[first].pid)] and "Nothing to be done" in said[1 - first]
    assert content(results) == undisturbed
    assert not list(results.rglob("*.lock")) and not list(results.rglob(".*.lock"))


@pytest.mark.slow
def test_a_killed_job_is_one_line_and_the_rest_goes_on(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    process = started(tmp_path)
    until(process, (tmp_path / RUN / "seed0/history.csv").exists)
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    (job,) = (int(number) for path in children for number in path.read_text().split())
    os.kill(job, signal.SIGKILL)
    told = ended(process)
    log = "results/logs/train/digits/mlp/vae/z2.log"
    line = f"failed: train digits/mlp/vae/z2: killed by SIGKILL: run the same again to go on (log: {log})"
    assert process.returncode != 0 and told.splitlines().count(line) == 1 and "CalledProcessError" not in told, told
    again = started(tmp_path)
    told = ended(again)
    assert again.returncode == 0, told
    assert content(tmp_path / "results") == undisturbed


def test_a_workflow_that_waits_can_be_ended(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    hold = "import sys, time\nfrom pathlib import Path\nfrom vaebench.locks import held\n"
    hold += "with held(Path(sys.argv[1]), 'x'):\n    print(flush=True)\n    time.sleep(600)"
    command = [sys.executable, "-c", hold, str(tmp_path / "results/.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline()
        process = started(tmp_path)
        try:
            assert process.stderr is not None
            while "results is in use by process" not in process.stderr.readline():
                assert process.poll() is None
            os.killpg(process.pid, signal.SIGINT)
            told = ended(process)
        finally:
            holder.kill()
    assert process.returncode != 0 and not (tmp_path / "results/data").exists()
    assert "interrupted by SIGINT: nothing is left half-made: run the same again" in told.splitlines()
