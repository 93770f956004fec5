"""The workflow away from its checkout: in another folder, inside another workflow, with its package from a wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from vaebench.data.dataset import load
from vaebench.study import config

ROOT = Path(__file__).parents[2]
KINDS = ".py", ".safetensors"  # of what the package is made of
STUDY = {
    "datasets": {"digits": {"limits": {"train": 100, "validation": 50, "test": 50}}},
    "architectures": {"mlp": {"hidden": [8]}},
    "flavours": {"vae": {}, "mean": {}},
    "latents": [2],
    "seeds": [0],
    "training": {"epochs": 1},
    "evaluation": {"importance_samples": 5, "importance_images": 20},
}
PARENT = f"""
configfile: "study.yaml"

module vaebench:
    snakefile: "{ROOT / "workflow/Snakefile"}"
    config: config

use rule * from vaebench as vaebench_*

rule best:
    default_target: True
    input: "results/tables/likelihood.md"
    output: "best.md"
    shell: "grep -F '| VAE' {{input}} > {{output}}"
"""


OURS = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def checked(*command: str | Path, cwd: Path, env: dict[str, str] = OURS) -> str:
    result = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment with a wheel of the package; what that needs is seen from this one."""
    folder = tmp_path_factory.mktemp("deployment")
    # A copy, for setuptools writes beside what it builds.
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "vaebench", folder / "vaebench", ignore=shutil.ignore_patterns("__pycache__"))
    files = {str(path.relative_to(folder)) for kind in KINDS for path in folder.rglob(f"*{kind}")}
    checked(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder / "wheels", folder, cwd=folder)
    (wheel,) = folder.glob("wheels/vaebench-*.whl")
    assert {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(KINDS)} == files
    venv.create(folder / "environment", with_pip=False)
    python = folder / "environment/bin/python"
    checked(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel, cwd=folder)
    site = Path(checked(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (site / "seen.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.mark.slow
def test_a_module_of_another_workflow_with_the_package_from_a_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(PARENT)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    environment = OURS | {"PATH": os.pathsep.join((str(installed.parent), OURS["PATH"]))}
    where = checked(installed, "-c", "import vaebench; print(vaebench.__file__)", cwd=tmp_path, env=environment)
    assert Path(where.strip()).is_relative_to(installed.parents[1])
    said = checked(installed, "-m", "snakemake", "--cores", "2", cwd=tmp_path, env=environment)
    assert "rule vaebench_train:" in said  # the terminal is the other workflow's
    (line,) = (tmp_path / "best.md").read_text().splitlines()
    row = r"\| Gaussian posterior and prior \| VAE(<sup>1</sup>)? \| \d+\.\d+†? \| -\d+\.\d+†? \|"
    assert re.match(row, line), line


def test_another_folder_holds_its_own_configuration_and_results(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(STUDY))
    snakemake = [sys.executable, "-m", "snakemake", "--directory", tmp_path, "--cores", "2"]
    said = checked(*snakemake, "results/data/digits.safetensors", cwd=ROOT)
    assert "[1 of 1, 0:00 left] prepare digits" in said
    data = load(tmp_path / "results/data/digits.safetensors")
    assert (data.source.limits.train, len(data.train.images)) == (100, 100)


def test_without_a_configuration_there_the_shipped_one_is_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "train_all", "--dry-run", "--directory", tmp_path, "--cores", "2"]
    cells = len(config.read(ROOT / "config/config.yaml").cells())
    assert f", {cells} train, " in checked(*command, cwd=ROOT).replace(" train\n", " train, ")


def test_the_catalogues_own_test_is_planned() -> None:
    said = checked(sys.executable, "-m", "snakemake", "--directory", ".test", "--dry-run", "--cores", "2", cwd=ROOT)
    assert "train digits/mlp/vae/z2: " in said
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert (ROOT / "workflow/Snakefile").exists() and (ROOT / "config/README.md").exists()
    assert usage["software-stack-deployment"] == {"conda": False} and usage["report"] is True
