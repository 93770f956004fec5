"""Data in the workflow: their content decides what is prepared again, and their paths may hold any letter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from vaebench.data.dataset import load

ROOT = Path(__file__).parents[2]
FOLDER = 'run {3} *[1] "it\'s" <results> ü'
CONFIG = {
    "datasets": {"own": {"path": FOLDER}},
    "architectures": {"mlp": {"hidden": [4]}},
    "flavours": {"vae": {}},
    "latents": [2],
    "seeds": [0],
    "training": {"epochs": 1},
    "evaluation": {"importance_samples": 2, "importance_images": 4, "gallery_images": 2},
    "device": "cpu",
    "pathvars": {"results": "what came out/it's"},
}
RESULTS = Path("what came out/it's")


def snakemake(folder: Path, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run the workflow in a folder, with changes to the configuration."""
    (folder / "study.yaml").write_text(yaml.safe_dump(CONFIG | settings))
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--cores", "1", "--configfile=study.yaml", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([*map(str, command)], cwd=folder, env=environment, capture_output=True, text=True)


def said(folder: Path, *arguments: str, **settings: Any) -> str:
    """What a run that must succeed says."""
    result = snakemake(folder, *arguments, **settings)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two classes of eight images, of a name that shells, globs and wildcards would take apart."""
    for label in "ab":
        (tmp_path / FOLDER / label).mkdir(parents=True)
        for i in range(8):
            image = np.full((8, 8), 20 * i + (label == "b"), np.uint8)
            Image.fromarray(image).save(tmp_path / FOLDER / label / f"{i}.bmp")
    return tmp_path


def edit(path: Path) -> None:
    """Change a pixel, and neither the file's size nor its time."""
    facts, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 8
    path.write_bytes(content)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_a_folder_of_any_name_is_prepared_again_when_its_content_changes(folder: Path) -> None:
    target = RESULTS / "data/own.safetensors"
    told = "prepare own: 16 images of 8x8 pixels, 1 channel, uint8, in [0, 1]: 12 train, 2 validation, 2 test"
    assert told in said(folder, str(target))
    first = load(folder / target)
    assert json.loads((folder / target).with_suffix(".json").read_text())["fingerprint"] == first.fingerprint
    (folder / FOLDER / "a/0.bmp").touch()
    (folder / FOLDER / ".hidden.bmp").write_text("no image")
    assert "Nothing to be done" in said(folder, str(target), "--dry-run")
    edit(folder / FOLDER / "a/3.bmp")
    assert "prepare own: its files have changed\n" in said(folder, str(target), "--dry-run")


def test_a_path_that_leads_nowhere_is_one_line_in_a_dry_run(tmp_path: Path) -> None:
    result = snakemake(tmp_path, "--dry-run", datasets={"own": {"path": "gone {1}"}})
    told = (result.stdout + result.stderr).splitlines()
    fault = f"dataset 'own': path: gone {{1}}: no such file or folder in {tmp_path}: mend the path"
    assert result.returncode == 1 and told.count(fault) == 1, told
    assert not any("Traceback" in line for line in told)


@pytest.mark.slow
def test_an_image_edited_in_place_trains_its_cells_anew_and_the_report_holds_the_card(folder: Path) -> None:
    results, targets = folder / RESULTS, [str(RESULTS / "provenance.json"), str(RESULTS / "data/own.png")]
    records = []
    for _ in range(2):
        said(folder, *targets)
        records.append(json.loads((results / "runs/own/mlp/vae/z2/seed0/run.json").read_text()))
        card = json.loads((results / "data/own.json").read_text())
        stated = json.loads((results / "provenance.json").read_text())["datasets"]
        assert stated == {"own": {"files_sha256": card["fingerprint"], "prepared_sha256": card["checksum"]}}
        assert records[-1]["data"] == card["checksum"] == load(results / "data/own.safetensors").checksum
        edit(folder / FOLDER / "b/1.bmp")
    assert records[0]["key"] != records[1]["key"] and records[0]["data"] != records[1]["data"]
    said(folder, *targets)
    said(folder, *targets, "--report", "report.html")
    report = (folder / "report.html").read_text()
    assert "contact sheet" in report and "The data as they were read" in report
