"""What a study costs from nothing to its report: wall time, and jobs and CPU seconds of each rule.

``python benchmarks/workflow_cost.py config/demo.yaml --cores 2`` runs the study in an empty folder as the README's
first command does, after installation. What is not training, measuring or drawing of all cores' wall time is what the
workflow itself takes: starting, planning, waiting, tabulating.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
WORK = {"train": "training", "measure": "measuring", "figures": "drawing"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    results = yaml.safe_load(options.study.read_text()).get("pathvars", {}).get("results", "results")
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", folder]
        command += ["--cores", str(options.cores), f"--configfile={options.study.absolute()}"]
        command += ["--workflow-profile", str(ROOT / "workflow/profiles/default")]
        command += ["--report", f"{folder}/report.html", "--report-after-run"]
        started = time.monotonic()
        subprocess.run(command, check=True)
        wall = time.monotonic() - started
        rules = costs(Path(folder, results, "benchmarks"))
    print("\n| rule | jobs | wall s | CPU s |\n|---|--:|--:|--:|")
    for rule, (jobs, seconds, cpu) in sorted(rules.items(), key=lambda item: -item[1][2]):
        print(f"| {rule} | {jobs} | {seconds:.1f} | {cpu:.1f} |")
    totals = [sum(column) for column in zip(*rules.values(), strict=True)]
    print(f"| all | {totals[0]} | {totals[1]:.1f} | {totals[2]:.1f} |")
    shares = {words: rules[rule][1] / (options.cores * wall) for rule, words in WORK.items() if rule in rules}
    told = ", ".join(f"{words} {share:.0%}" for words, share in shares.items())
    print(f"\n{wall:.0f} s in all on {options.cores} cores: {told}, the rest {1 - sum(shares.values()):.0%}")


def costs(folder: Path) -> dict[str, tuple[int, float, float]]:
    """Jobs, wall seconds and CPU seconds of each rule, from what Snakemake measured of each job."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for path in folder.rglob("*.tsv"):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        with path.open() as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        cpu = float(row["cpu_time"]) if row["cpu_time"].replace(".", "").isdigit() else 0.0
        found[rule].append((float(row["s"]), cpu))
    return {rule: (len(rows), sum(s for s, _ in rows), sum(c for _, c in rows)) for rule, rows in found.items()}


if __name__ == "__main__":
    main()
