"""The programs of benchmarks/ on small inputs: they run, and what they print agrees with itself and with the page."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from statistics import median

import pytest
import torch
import yaml

from vaebench.data.dataset import load
from vaebench.data.prepare import prepare
from vaebench.study import catalogue, config
from vaebench.training import runs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
STUDY = ROOT / ".test/config/config.yaml"


def printed(program: str, *arguments: object) -> str:
    """What one of them writes to stdout."""
    line = [sys.executable, ROOT / "benchmarks" / program, *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    assert not done.returncode, done.stderr
    return done.stdout


def rows(text: str) -> list[list[str]]:
    """The cells of a Markdown table's rows, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study, its runs and its data, as the workflow leaves them."""
    folder = tmp_path_factory.mktemp("study")
    raw = yaml.safe_load(STUDY.read_text())
    raw["training"]["epochs"] = 60  # until codes tell something
    (folder / "study.yaml").write_text(yaml.safe_dump(raw))
    study = config.read(folder / "study.yaml")
    [(name, settings)] = study.datasets.items()
    file = folder / "data" / f"{name}.safetensors"
    prepare(name, settings, None, file)
    data = load(file)
    for cell in study.cells():
        runs.train(cell, study.seeds, data, folder / "runs" / cell.path, device=torch.device("cpu"))
    return folder


def test_the_page_has_what_a_step_launches_and_moves(tmp_path: Path) -> None:
    file = tmp_path / "steps.json"
    printed("step_cost.py", "--json", file)
    measured = json.loads(file.read_text())["results"]
    page = (ROOT / "benchmarks/README.md").read_text().partition("| flavour | runs | kernels at first |")[2]
    flavour, told = "", rows(f"\n|{page.partition('# The workflow')[0]}")
    for first, width, _, *numbers in told:
        flavour = first or flavour
        of_all = flavour.startswith("median of ")
        found = [row[width] for name, row in measured.items() if of_all or name == flavour]
        kernels = median(sum(each["launches"].values()) for each in found)
        noise, adam = (median(each["launches"][section] for each in found) for section in ("noise", "Adam"))
        moved = median(sum(each["bytes"].values()) for each in found) / 1e6
        wanted = [f"{kernels:,.0f}", "" if of_all else f"{noise:.0f}", f"{adam:.0f}", f"{moved:,.0f}"]
        assert [*numbers[:3], numbers[4]] == wanted, (flavour, width)
    assert flavour == f"median of {len(measured)}" and len(told) == 14


@pytest.mark.parametrize("unit", ["seconds", "launches"])
def test_the_costs_of_metrics_add_up(trained: Path, unit: str) -> None:
    options = ["--flavours", "vae", *["--launches"] * (unit == "launches")]
    told = printed("metric_cost.py", trained / "study.yaml", trained, trained / "data", *options)
    *metrics, whole = csv.DictReader(io.StringIO(told))
    assert [whole["table"], whole["metric"]] == ["all", "of 1 runs"]
    costs = {row["metric"]: float(row[f"median_{unit}"]) for row in metrics}
    tables = [row["table"] for row in metrics]
    assert sum(costs.values()) == pytest.approx(float(whole[f"median_{unit}"]), abs=0.01 * len(costs))
    assert {*tables} <= {*catalogue.groups("metrics")} and {"likelihood", "interpolation"} <= {*tables}
    curves = sum(cost for cost, table in zip(costs.values(), tables, strict=True) if table == "interpolation")
    assert min(costs.values()) >= 0 and curves > 0


def test_a_study_without_what_is_asked_for_is_told_in_a_line(trained: Path) -> None:
    line = [sys.executable, ROOT / "benchmarks/metric_cost.py", trained / "study.yaml", trained, trained / "data"]
    done = subprocess.run([*line, "--flavours", "vea"], capture_output=True, text=True)
    assert done.returncode == 1
    told = f"metric_cost: {trained / 'study.yaml'} has no cell of this dataset, latent size and these flavours\n"
    assert done.stderr == told


def test_importance_sampling_tends_to_the_evidence_by_quadrature(trained: Path) -> None:
    run = trained / "runs/digits/mlp/vae/z2/seed0"
    told = printed("quadrature.py", run, trained / "data/digits.safetensors", "--images", 100)
    exact, *sampled = [float(line.split()[-1]) for line in told.splitlines()]
    assert sampled[0] > exact + 0.05  # the negative ELBO
    assert sampled[1:] == pytest.approx([exact] * 3, abs=0.02)


def test_speeds_of_training_are_beside_those_of_a_plain_loop(tmp_path: Path) -> None:
    file = tmp_path / "speed.json"
    told = printed("train_speed.py", "--images", 256, "--rounds", 1, "--architectures", "mlp", "--json", file)
    [result] = json.loads(file.read_text())["results"]
    [ours], [loop] = (result["samples_per_second"][name] for name in ("vaebench", "plain loop"))
    assert result["ratios"]["vaebench"]["plain loop"] == ours / loop
    assert [row[:2] for row in rows(told)][:2] == [["vaebench", f"{ours:,.0f}"], ["plain loop", f"{loop:,.0f}"]]


def test_contenders_of_geometry_agree(tmp_path: Path) -> None:
    file = tmp_path / "geometry.json"
    small = {"--latent": 2, "--pairs": 2, "--points": 4, "--slow": 2, "--rounds": 1, "--json": file}
    told = printed("geometry_speed.py", *(word for pair in small.items() for word in pair))
    found = json.loads(file.read_text())
    one, other, *_ = found["lengths"].values()
    assert one == pytest.approx(other, rel=1e-3) and 0 < one <= 1
    assert float(re.findall(r"differ by a relative (\S+)", told)[0]) < 1e-5


def test_what_is_for_a_gpu_can_be_tried_on_a_cpu(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    printed("gpu.py", "--device", "cpu", "--budget", 60, "--flavours", "vae", "--json", file)
    checked = json.loads(file.read_text())["correctness"]["flavours"]
    assert len(checked) == 2  # networks
    for row in checked.values():
        assert row["bytes_are_eager"] and row["bytes_are_free_of_neighbours"] and not row["above_tolerance"]


def test_the_cost_of_a_study_is_told_by_rule() -> None:
    told = printed("workflow_cost.py", STUDY)
    jobs = {rule: int(count) for rule, count, *_ in rows(told)}
    assert [jobs[rule] for rule in ("train", "measure", "prepare")] == [3, 3, 1]
    assert jobs.pop("all") == sum(jobs.values())
    shares = re.findall(r"(?:training|measuring|drawing|the rest) (\d+)%", told)
    assert len(shares) == 4 and sum(map(int, shares)) == pytest.approx(100, abs=2)


def test_made_up_measurements_go_through_the_workflow() -> None:
    told = printed("scale.py", "--latents", 1, "--seeds", 1)
    assert "200 cells of 1 seeds" in told
    steps = re.findall(r"^(.*): [\d.]+ s; the largest process so far had \d+ MiB$", told, re.MULTILINE)
    assert steps == ["a dry run of all runs", "aggregation and tables", "figures of the study", "figures of one block"]


def test_the_rates_of_products_are_told() -> None:
    default, routed = [float(rate) for rate in re.findall(r"(\d+) GFLOP/s", printed("products.py"))]
    assert routed > 0.8 * default > 0
