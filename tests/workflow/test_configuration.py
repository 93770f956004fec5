"""What the library refuses in a configuration, the workflow refuses in one line before anything is made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = "datasets: {digits: {}}\nflavours: {vae: {}}\nlatents: [2]\n"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("seeds: [0]\nlatents: [3]\n", "study.yaml: the key 'latents' stands in line 3 and again in line 5: keep one"),
        ("pathvars: {result: elsewhere}\n", "config: pathvars: unknown key 'result': did you mean results?"),
    ],
)
def test_a_configuration_that_means_nothing_is_one_line(tmp_path: Path, more: str, line: str) -> None:
    (tmp_path / "study.yaml").write_text(GOOD + more)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow/Snakefile"), "--cores", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command.append("--configfile=study.yaml")
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode != 0
    assert sum(line in text for text in result.stderr.splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"study.yaml", ".snakemake"}
