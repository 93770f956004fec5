"""What a set of results came from: configuration, code, versions, machines and the checksums of the data."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vaebench.files import reading

PACKAGES = (
    "vaebench",
    "snakemake",
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "matplotlib",
    "seaborn",
)
CODE = ("vaebench", "workflow", "Snakefile")  # what determines numbers, in a checkout
CHECKOUT = Path(__file__).parents[2]


def collect(
    study: dict[str, Any],
    manifests: Iterable[str | Path],
    conditions: Iterable[str | Path],
    cards: Iterable[str | Path],
) -> str:
    """A JSON document on runs, what they were trained on and what they were tested on.

    ``manifests``, ``conditions`` and ``cards`` are files of `vaebench.training.runs.manifest`, of
    `vaebench.evaluation.measure.Measured.conditions` and of `vaebench.data.card`. Test sets are told apart by dataset
    and data convention. Raises `VaebenchError`.
    """
    machines: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for manifest in map(Path, manifests):
        for name in _read(manifest)["runs"]:
            folder = manifest.with_suffix("") / name
            machines[json.dumps(_read(folder / "cost.json")["where"], sort_keys=True)] += 1
            statuses[_read(folder / "run.json")["status"]] += 1
    tests: dict[str, dict[str, str]] = {}
    for cell in map(_read, map(Path, conditions)):
        tests.setdefault(cell["dataset"], {})[cell["convention"]] = cell["test_sha256"]
    document = {
        "commit": commit(CHECKOUT),
        "versions": {name: version(name) for name in PACKAGES},
        "runs": dict(statuses),
        "machines": [json.loads(machine) | {"runs": count} for machine, count in sorted(machines.items())],
        "datasets": {
            card["name"]: {"files_sha256": card["fingerprint"], "prepared_sha256": card["checksum"]}
            for card in map(_read, map(Path, cards))
        },
        "observed_test_sets_sha256": tests,
        "study": study,
    }
    return json.dumps(document, indent=1, sort_keys=True)


def _read(path: Path) -> dict[str, Any]:
    with reading(path, "JSON", "delete it, and it is made again"):
        return json.loads(path.read_text())


def commit(checkout: Path) -> str | None:
    """A checkout's commit, marked as dirty if its `CODE` differs from it or holds more; None outside of a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=all", "--", *CODE)
        return git("rev-parse", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None
