"""What results came from: configuration, code, versions, machines, and the SHA-256 of all files, data to figures."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any

from vaebench.errors import VaebenchError
from vaebench.files import SEALS, passing, read_json, remove, signed, verified

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
PLACES = ("data", "judges", "runs", "evaluations", "tables", "figures")  # in the order in which they are made


def collect(
    study: dict[str, Any],
    manifests: Iterable[str | Path],
    conditions: Iterable[str | Path],
    cards: Iterable[str | Path],
    files: Mapping[str, str],
    command: str,
) -> str:
    """A JSON document, that `vaebench.files.opened` reads, on runs, what they were trained on and tested on.

    ``manifests``, ``conditions`` and ``cards`` are files of `vaebench.training.runs.manifest`, of
    `vaebench.evaluation.measure.Measured.conditions` and of `vaebench.data.card`, ``files`` a `chain`, and ``command``
    is what makes them. Test sets are told apart by dataset and data convention. Raises `VaebenchError`.
    """
    from vaebench.training import runs  # which brings torch, and to read what was noted needs none

    machines: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    for manifest in map(Path, manifests):
        for folder in runs.listed(manifest):
            machines[json.dumps(read_json(folder / "cost.json")["where"], sort_keys=True)] += 1
            statuses[runs.record(folder)["status"]] += 1
    tests: dict[str, dict[str, str]] = {}
    for cell in map(read_json, conditions):
        tests.setdefault(cell["dataset"], {})[cell["convention"]] = cell["test_sha256"]
    document = {
        "commit": commit(CHECKOUT),
        "versions": {name: version(name) for name in PACKAGES},
        "runs": dict(statuses),
        "machines": [json.loads(machine) | {"runs": count} for machine, count in sorted(machines.items())],
        "datasets": {
            card["name"]: {"files_sha256": card["fingerprint"], "prepared_sha256": card["checksum"]}
            for card in map(read_json, cards)
        },
        "observed_test_sets_sha256": tests,
        "study": study,
        "command": command,
        "files": files,
    }
    return laid_out(document)


def laid_out(document: Mapping[str, Any]) -> str:
    """The text of a provenance, a function of its content, in whose order tables and figures show the study."""
    return signed(document, indent=1)


def chain(results: Path, others: Iterable[str | Path] = ()) -> dict[str, str]:
    """SHA-256 of each file in the `PLACES` of a folder of results, and of others, by its path from that folder.

    Folders among them are passed over, and what is none of ours to keep. Raises `VaebenchError` if a file is not as it
    was sealed, and removes it with its `causes`.
    """
    every = (*(path for place in PLACES for path in (results / place).rglob("*")), *map(Path, others))
    paths = {os.path.relpath(path, results): path for path in every if not (path.is_dir() or passing(path))}
    digests = {}
    for name in sorted(paths):
        try:
            digests[name] = verified(paths[name])
        except VaebenchError:
            if not Path(paths[name]).exists():
                remove(*(results / cause for cause in causes(PurePath(name))))
            raise
    return digests


def causes(path: PurePath) -> list[PurePath]:
    """What of a folder of results is to be removed so that the workflow makes a file there again."""
    if path.parent.name == SEALS:
        return [path, *causes(path.parent.parent / path.name)]
    if path.parts[0] == "runs" and path.parent.name != "samplers":  # which are fitted again when asked for
        for seed in path.parents:
            if re.fullmatch(r"seed\d+", seed.name):
                return [seed / "run.json", seed.parent.with_name(f"{seed.parent.name}.json"), path]
    if path.parts[0] == "evaluations":  # whose provenance is by their conditions
        cell = path.parent.parent if path.parent.name == "kept" else path.parent
        return [cell / "conditions.json", path]
    if path.parent.parent.name == "raw":
        return [path, path.parents[2] / f"{path.parent.name}.safetensors"]
    return [path]


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
