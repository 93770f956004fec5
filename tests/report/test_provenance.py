"""Provenance: the runs, test sets and code that it states are those that there are."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from vaebench.errors import VaebenchError
from vaebench.files import opened, sha256, signed
from vaebench.report import provenance
from vaebench.training import runs


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of one commit."""
    for name in ("vaebench/flavours/vae.py", "workflow/Snakefile", "README.md", ".gitignore"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("__pycache__\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "all")
    return tmp_path


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD").strip()
    assert provenance.commit(checkout) == commit
    git(checkout, "tag", "--annotate", "v1", "--message", "v1")  # which has no say
    assert provenance.commit(checkout) == commit


@pytest.mark.parametrize(
    ("name", "dirty"),
    [
        ("vaebench/flavours/vae.py", True),
        ("vaebench/flavours/mine.py", True),
        ("vaebench/new/mine.py", True),
        ("workflow/Snakefile", True),
        ("workflow/scripts/mine.py", True),
        ("Snakefile", True),
        ("README.md", False),
        ("data/mnist.safetensors", False),
        ("results/tables/metrics.csv", False),
        ("vaebench/__pycache__/vae.pyc", False),
    ],
)
def test_dirty_is_what_determines_numbers(checkout: Path, name: str, dirty: bool) -> None:
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("changed\n")
    assert provenance.commit(checkout) == git(checkout, "rev-parse", "HEAD").strip() + "-dirty" * dirty


def test_outside_of_a_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert provenance.commit(tmp_path) is None


def test_runs_machines_and_test_sets_are_those_of_the_files(tmp_path: Path) -> None:
    manifests, conditions = [], []
    for flavour, statuses in {"vae": ("finished", "diverged"), "n_vae": ("finished",)}.items():
        for seed, status in enumerate(statuses):
            folder = tmp_path / f"{flavour}/seed{seed}"
            folder.mkdir(parents=True)
            for name in runs.FILES:
                (folder / name).write_text(name)
            facts = {"key": "key", "status": status, "files": {name: sha256(folder / name) for name in runs.FILES}}
            (folder / "run.json").write_text(signed(facts))
            (folder / "cost.json").write_text(signed({"where": {"cpu": "a" if seed else "b"}}))
        manifests.append(tmp_path / f"{flavour}.json")
        manifests[-1].write_text(json.dumps({"cell": {}, "runs": {f"seed{i}": "key" for i in range(len(statuses))}}))
        # A published row has its paper's convention, and so another test set of the same images.
        facts = {"dataset": "mnist", "convention": {"vae": "dynamic", "n_vae": "static"}[flavour]}
        conditions.append(tmp_path / f"{flavour}-conditions.json")
        conditions[-1].write_text(json.dumps(facts | {"test_sha256": flavour}))
    (tmp_path / "card.json").write_text(json.dumps({"name": "mnist", "fingerprint": "files", "checksum": "tensors"}))
    given = [tmp_path / "card.json"], {"tables/metrics.csv": "sum"}, "snakemake"
    study = {"seeds": [0], "flavours": {"vae": {}, "beta_vae": {}, "ae": {}}}
    found = opened(provenance.collect(study, manifests, conditions, *given))
    assert (found["files"], found["command"]) == ({"tables/metrics.csv": "sum"}, "snakemake")
    assert found["datasets"] == {"mnist": {"files_sha256": "files", "prepared_sha256": "tensors"}}
    assert found["runs"] == {"finished": 2, "diverged": 1}
    assert found["machines"] == [{"cpu": "a", "runs": 1}, {"cpu": "b", "runs": 2}]
    assert found["observed_test_sets_sha256"] == {"mnist": {"dynamic": "vae", "static": "n_vae"}}
    assert json.dumps(found["study"]) == json.dumps(study)  # in its order, in which tables and figures show it
    assert set(found["versions"]) == set(provenance.PACKAGES)
    (tmp_path / "vae/seed0/run.json").write_text("{")
    with pytest.raises(VaebenchError, match=r"run.json: cannot be read as the record of a run"):
        provenance.collect({}, manifests, conditions, [], {}, "")
    assert not manifests[0].exists() and manifests[1].exists()  # so that the workflow trains the cell again
