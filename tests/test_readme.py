"""What the README and its pages show for the library and the command line runs as written, and their links lead on."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import matplotlib.image
import pytest
import torch

from vaebench.cli import main

ROOT = Path(__file__).parents[1]
SECTION = (ROOT / "docs/library.md").read_text()
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "config/README.md",
    ROOT / "benchmarks/README.md",
]
LINKS = [(page, link) for page in PAGES for link in dict.fromkeys(re.findall(r"\]\(([^):\s]+)\)", page.read_text()))]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to run in, and torch's generator as a fresh process has it."""
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch.Generator().initial_seed())
        yield tmp_path


def run(code: str) -> None:
    """Run an example as the main module of its own, in this process: starting torch takes longer than most of them."""
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})


def test_the_python_example_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    check = "x = data.test.images / 255; assert model.encode(x).equal(z) and z.shape == (256, 2)"
    more = "assert images.shape == x.shape and samples.shape == (16, 1, 8, 8)"
    run("\n".join((example, check, more)))
    assert 15 < float(capsys.readouterr().out) < 30
    assert [path.name for path in here.iterdir()] == ["beta_vae.safetensors"]


def test_the_geometry_example_runs(here: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/geometry.md").read_text(), re.DOTALL)
    check = "assert (found.length <= 1.0001 * found.line_length).all() and found.trusted.all()"
    run(f"{example}\n{check}")


def test_the_commands_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first through the shell, as its script is installed; the others as that script runs them."""
    (here / "config").symlink_to(ROOT / "config")
    (block,) = re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)
    first, *others = block.splitlines()
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = os.environ | {"PATH": path}
    result = subprocess.run(first, shell=True, cwd=here, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert len(others) >= 2
    for command in others:
        program, *arguments = shlex.split(command, comments=True)
        assert program == "vaebench"
        main(arguments)
    assert '"elbo": -2' in capsys.readouterr().out
    assert matplotlib.image.imread(here / "grid.png").shape[:2] == (4 * (8 * 9 - 1), 4 * (8 * 9 - 1))


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: str(getattr(value, "stem", value)))
def test_links_lead_somewhere(page: Path, link: str) -> None:
    path, _, place = link.partition("#")
    target = (page.parent / path) if path else page
    assert target.exists()
    if place:
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        assert place in [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
