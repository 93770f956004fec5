"""Faults at the calls by which jobs meet the disk: nothing is lost, nothing is wrong without a word, and no traceback.

Each point is one fault at one call of one job of the workflow. The job is killed there, told in one line why it cannot
go on, or goes on; then the workflow runs again, and leaves the bytes that it leaves undisturbed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from matrix.points import Outcome

ROOT = Path(__file__).parents[1]
MIRROR = Path(os.environ.get("VAEBENCH_MIRROR", ROOT.parent / "shared/mirror")).absolute()
CLAIM = {"dataset": "digits", "architecture": "mlp", "latent": 2, "source": "a paper", "flavour": "vae", "value": 20.0}
STUDY = {
    "datasets": {"digits": {"limits": {"train": 60, "validation": 20, "test": 20}}},
    "architectures": {"mlp": {"hidden": [8]}},
    "flavours": {"ae": {}},
    "latents": [2],
    "seeds": [0, 1],
    "device": "cpu",
    "training": {"epochs": 1, "batch_size": 30},
    "evaluation": {"importance_samples": 4, "importance_images": 10, "gallery_images": 2, "generated_images": 20},
    "geometry": {"points": 10, "pairs": 4},
    "samplers": {"prior": {}, "gaussian_mixture": {"components": 2}},
    "judge": {"epochs": 1, "seeds": [0]},
    "published": {"a_vae": CLAIM},
}


def outcomes(folder: Path, count: int, *rules: str) -> list[Outcome]:
    """Of so many points, of all rules if none are named."""
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    environment = os.environ | {"PYTHONPATH": paths, "VAEBENCH_MIRROR": str(MIRROR), "OMP_NUM_THREADS": "1"}
    for module, *arguments in (("matrix.plan", *rules), ("matrix", str(count), *rules)):
        command = [sys.executable, "-W", "ignore", "-m", module, str(folder), *arguments]
        ended = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
    return [Outcome(**json.loads(line)) for line in ended.stdout.splitlines()]


def counted(found: list[Outcome]) -> pd.DataFrame:
    """How many points of each rule were tried, and what became of them."""
    rows = [
        {
            "rule": outcome.point["rule"],
            "tried": 1,
            "killed": outcome.status < 0,
            "told": bool(outcome.told),
            "survived": not outcome.lost,
            "lost": outcome.lost,
            "silent": outcome.silent,
            "tracebacks": bool(outcome.tracebacks),
        }
        for outcome in found
    ]
    table = pd.DataFrame(rows).groupby("rule").sum()
    return pd.concat([table, table.sum().to_frame("all").T])


def held(found: list[Outcome]) -> pd.DataFrame:
    """The counts, when every point is as it should be."""
    assert [outcome for outcome in found if outcome.lost or outcome.tracebacks] == []
    assert all(line.startswith("vaebench: ") for outcome in found for line in outcome.told)
    return counted(found)


BESIDE = ("site", "paper")  # folders of pages, made of results and sealed by nothing
needs_mirror = pytest.mark.skipif(not MIRROR.is_dir(), reason="no mirror of the public datasets to download from")


def test_a_few_faults_are_survived(tmp_path: Path) -> None:
    table = held(outcomes(tmp_path, 30, "prepare", "train"))
    assert table.loc["all", "tried"] == 30 and table.loc["all", "killed"] > 0 and table.loc["all", "told"] > 0


@needs_mirror
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_faults_of_every_rule_are_survived(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of fault at each kind of call of each rule at least once."""
    table = held(outcomes(tmp_path, 520))
    with capsys.disabled():
        print("\n", table.to_string(), sep="")
    scripts = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")} - {"figure", *BESIDE}
    assert {*table.index} == scripts | {"figure_of_study", "figure_of_block", "all"}
    assert table.loc["all", "tried"] == 520
