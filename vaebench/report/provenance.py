"""What a set of results came from: configuration, code, versions, machines and the test sets' checksums."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

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


def collect(study: dict[str, Any], manifests: Iterable[str], facts: Iterable[str]) -> str:
    """A JSON document on the runs behind some manifests and the evaluations behind some facts."""
    machines: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for manifest in map(Path, manifests):
        for name in json.loads(manifest.read_text()):
            folder = manifest.with_suffix("") / name
            machines[json.dumps(json.loads((folder / "cost.json").read_text())["where"], sort_keys=True)] += 1
            statuses[json.loads((folder / "run.json").read_text())["status"]] += 1
    tests = {}
    for path in map(Path, facts):
        tests[path.parts[-5]] = json.loads(path.read_text())["test_sha256"]
    document = {
        "commit": _commit(),
        "versions": {name: version(name) for name in PACKAGES},
        "runs": dict(statuses),
        "machines": [json.loads(machine) | {"runs": count} for machine, count in sorted(machines.items())],
        "observed_test_sets_sha256": tests,
        "study": study,
    }
    return json.dumps(document, indent=1, sort_keys=True)


def _commit() -> str | None:
    """The checkout's commit, marked if files differ from it; None outside of a checkout."""
    try:
        here = Path(__file__).parent
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
