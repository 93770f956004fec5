"""Damaged files of a folder of results: the workflow heals each, or says in one line what it was, and then heals it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vaebench.files import SEALS

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
CONFIG = {
    "datasets": {"digits": {"limits": {"train": 100, "validation": 50, "test": 50}}},
    "architectures": {"mlp": {"hidden": [8]}},
    "flavours": {"vae": {}, "ae": {}},
    "latents": [2],
    "seeds": [0, 1],
    "device": "cpu",
    "training": {"epochs": 1, "batch_size": 50},
    "evaluation": {"importance_samples": 5, "importance_images": 20, "gallery_images": 2, "generated_images": 50},
    "geometry": {"points": 10, "pairs": 4},
    "samplers": {"prior": {}, "gaussian_mixture": {"components": 2}},
    "judge": {"epochs": 1, "seeds": [0]},
}
RUNS, CELL, OTHER = "runs/digits/mlp/vae/z2", "evaluations/digits/mlp/vae/z2", "digits/mlp/ae/z2"
MEASURED, PICTURES = f"{CELL}/metrics.csv", "figures/samples/digits-mlp-z2.png"
TARGETS = ["data/digits.png", "tables/summary.csv", "tables/differences.csv", "tables/agreement.csv", PICTURES]
TIMED = {"cost.json", "compute.csv"}  # what differs between two trainings


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut(path: Path) -> None:
    """In the midst of a table's last number."""
    content = path.read_bytes()
    *_, last = re.finditer(rb"\d(?=\d)", content)
    path.write_bytes(content[: last.end()])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def deleted(path: Path) -> None:
    path.unlink()


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 4
    path.write_bytes(content)


def outdated(path: Path) -> None:
    """Of a version that knew nothing of what is asked of it today."""
    path.write_text('{"version": 0}\n')


def swapped(path: Path) -> None:
    """With the same file of another cell."""
    path.write_bytes(Path(str(path).replace("/vae/", "/ae/")).read_bytes())


def forged(path: Path) -> None:
    """With the same file of another cell, and its seal."""
    for place in (path, path.parent / SEALS / path.name):
        swapped(place)


# A file, what happens to it, and what is made from it.
CASES: list[tuple[str, Callable[[Path], None], str]] = [
    *(("data/digits.safetensors", damage, f"{RUNS}.json") for damage in (truncated, emptied, deleted, flipped)),
    ("data/digits.json", truncated, "data/digits.png"),
    ("data/.sha256/digits.json", emptied, "data/digits.png"),
    *((f"{RUNS}.json", damage, MEASURED) for damage in (truncated, emptied, outdated, swapped, forged)),
    *((f"{RUNS}/seed0/run.json", damage, MEASURED) for damage in (truncated, emptied, deleted, flipped, outdated)),
    (f"{RUNS}/seed0/run.json", swapped, MEASURED),
    *((f"{RUNS}/seed0/best.safetensors", damage, MEASURED) for damage in (truncated, deleted, flipped, swapped)),
    (f"{RUNS}/seed1/last.safetensors", flipped, MEASURED),
    (f"{RUNS}/seed1/history.csv", cut, MEASURED),
    (f"{RUNS}/seed1/cost.json", truncated, MEASURED),
    (f"{RUNS}/seed0/samplers/gaussian_mixture.safetensors", flipped, MEASURED),
    ("judges/digits-0.safetensors", flipped, MEASURED),
    ("judges/digits-0.json", truncated, MEASURED),
    (f"{CELL}/kept/seed0.json", truncated, MEASURED),
    (f"{CELL}/kept/seed0-gallery.npz", flipped, f"{CELL}/gallery.npz"),
    *((MEASURED, damage, "tables/metrics.csv") for damage in (cut, emptied, swapped, forged)),
    (f"{CELL}/conditions.json", truncated, "tables/metrics.csv"),
    (f"{CELL}/conditions.json", outdated, "tables/metrics.csv"),
    (f"{CELL}/per_image.npz", truncated, "tables/differences.csv"),
    (f"{CELL}/per_image.npz", flipped, "tables/differences.csv"),
    (f"{CELL}/gallery.npz", emptied, PICTURES),
    (f"{CELL}/distances.csv", cut, "tables/agreement.csv"),
    ("tables/metrics.csv", cut, "tables/summary.csv"),
    ("tables/.sha256/metrics.csv", truncated, "tables/summary.csv"),
]


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile=test.yaml"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command += ["--cores", "1", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the workflow has run, and nothing has happened to its results."""
    folder = tmp_path_factory.mktemp("damage")
    (folder / "test.yaml").write_text(yaml.safe_dump(CONFIG))
    result = snakemake(folder, *(f"results/{target}" for target in TARGETS))
    assert result.returncode == 0, result.stderr
    return folder


def told(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of ours in what a workflow said, in which no traceback may be."""
    assert "Traceback" not in result.stderr, result.stderr
    return sorted({line for line in result.stderr.splitlines() if line.startswith("vaebench: ")})


def content(results: Path) -> dict[str, bytes]:
    """Of all files, but for those that tell the time and their seals."""
    paths = [path for path in results.rglob("*") if path.is_file() and path.name not in TIMED]
    left = {path.relative_to(results).as_posix(): path.read_bytes() for path in paths}
    return {name: text for name, text in left.items() if name.split("/")[0] not in ("logs", "benchmarks")}


def same(results: Path, whole: Path) -> None:
    """All files are what they are undisturbed; a sampler that went with its run is fitted when it is asked for."""
    found, wanted = content(results), content(whole)
    differ = [name for name in wanted if found.get(name) != wanted[name]]
    assert [name for name in differ if name in found or "/samplers/" not in name] == []


@pytest.mark.parametrize(
    ("name", "damage", "target"), CASES, ids=[f"{damage.__name__} {name}" for name, damage, _ in CASES]
)
def test_damage_is_healed_or_told_and_then_healed(
    whole: Path, tmp_path: Path, name: str, damage: Callable[[Path], None], target: str
) -> None:
    folder = shutil.copytree(whole, tmp_path / "here")
    results = folder / "results"
    for made in {target, MEASURED} if target.startswith(CELL) and "kept" not in name else {target}:
        (results / made).unlink()
    if "samplers" in name:  # else it is not asked for
        shutil.rmtree(results / CELL / "kept")
    damage(results / name)
    first = snakemake(folder, f"results/{target}")
    lines = told(first)
    if first.returncode:
        assert len(lines) == 1, first.stderr
        second = snakemake(folder, f"results/{target}")
        assert second.returncode == 0 and not told(second), second.stderr
    same(results, whole / "results")


@pytest.mark.parametrize("hours", [-24 * 365, 24 * 365])
def test_a_clock_that_jumps_changes_nothing(whole: Path, tmp_path: Path, hours: int) -> None:
    """Files of last year, or of the next: some may be made again, to the same bytes."""
    folder = shutil.copytree(whole, tmp_path / "here")
    then = time.time() + 3600 * hours
    for path in sorted((folder / "results").rglob("*")):
        if "digits" in path.name or "tables" in path.parts:
            os.utime(path, (then, then))
    result = snakemake(folder, *(f"results/{target}" for target in TARGETS))
    assert result.returncode == 0 and not told(result), result.stderr
    same(folder / "results", whole / "results")


def test_results_that_nobody_may_write_are_one_line(whole: Path, tmp_path: Path) -> None:
    """A bind mount that may be read alone, in a name space of its own, holds for root as well."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("no name spaces of mounts here")
    folder = shutil.copytree(whole, tmp_path / "here")
    (folder / "results/tables/summary.csv").unlink()
    closed = 'mount --bind results results && mount -o remount,bind,ro results && exec "$@"'
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile=test.yaml"]
    command += ["--cores", "1", "results/tables/summary.csv"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-c", closed, "sh", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0 and "Traceback" not in result.stderr, result.stderr
    assert "results cannot be written (Permission denied): allow writing there or choose" in result.stderr
    result = snakemake(folder, "results/tables/summary.csv")
    assert result.returncode == 0
    same(folder / "results", whole / "results")


def test_a_report_may_be_a_zip(whole: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "here")
    result = snakemake(folder, "results/tables/summary.csv", "results/data/digits.png", "--report", "report.zip")
    assert result.returncode == 0, result.stderr
    with zipfile.ZipFile(folder / "report.zip") as archive:
        assert archive.testzip() is None
        assert any(name.endswith("report.html") for name in archive.namelist())
