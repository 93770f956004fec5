"""What the README shows for the library and the command line runs as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
SECTION = README.split("## Without the workflow")[1].split("## Adding a flavour")[0]


def test_the_python_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    check = "assert z.shape == (256, 2) and images.shape == x.shape and samples.shape == (16, 1, 8, 8)"
    code = "\n".join((example, check, "assert model.encode(x).equal(z)"))
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert 15 < float(result.stdout) < 30


def test_the_geometry_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.split("## Latent geometry")[1], re.DOTALL)[:1]
    check = "assert (found.length <= 1.0001 * found.line_length).all() and found.trusted.all()"
    subprocess.run([sys.executable, "-c", f"{example}\n{check}"], cwd=tmp_path, capture_output=True, check=True)


def test_the_commands_run(tmp_path: Path) -> None:
    (block,) = re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    for command in block.splitlines():
        result = subprocess.run(
            command, shell=True, cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
    assert '"elbo": -2' in result.stdout


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_links_lead_somewhere(path: str) -> None:
    assert (Path(__file__).parents[1] / path).exists()
