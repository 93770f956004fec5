"""How aggregation, tables, figures and planning scale: a study of thousands of cells whose measurements are made up.

``python benchmarks/scale.py`` writes what 2,000 cells of 5 seeds would have left (50 flavours, 10 latent sizes, two
datasets, two architectures), runs the workflow's own rules on it, and prints wall time and peak memory of each step,
and the time of a dry run of all 10,000 runs.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from vaebench import interface
from vaebench.evaluation import measure
from vaebench.files import savez
from vaebench.report import figures
from vaebench.study import catalogue, config
from vaebench.study.tidy import METRICS

ROOT = Path(__file__).parents[1]
PAIRS, POINTS, IMAGES = 50, 100, 1000
MEANS = ("elbo", "nll", "mse", "psnr", "ssim")  # over test images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        variants = {f"beta_vae_{n}": {"flavour": "beta_vae", "beta": n} for n in range(1, 10)}
        raw = {
            "datasets": {"digits": {}, "more": {"path": "digits.npy"}},
            "architectures": {"mlp": {}, "conv": {}},
            "flavours": {"all": {}} | variants,
            "latents": list(range(2, 2 + options.latents)),
            "seeds": list(range(options.seeds)),
            "geometry": {"pairs": PAIRS},
        }
        (folder / "study.yaml").write_text(yaml.safe_dump(raw))
        (folder / "digits.npy").touch()
        study = config.check(raw)
        timed("a dry run of all runs", snakemake(folder, options.cores, "--dry-run", "train_all"), folder)
        make_up(folder, study)
        print(f"{len(study.cells())} cells of {options.seeds} seeds")
        # Snakemake has no record of what was made up: by times alone, none of it is made again.
        drawn: dict[figures.Block | None, list[str]] = defaultdict(list)
        for place, (_, block) in figures.places(study).items():
            drawn[block].append(f"results/figures/{place}.png")
        steps = {
            "aggregation and tables": ["tables"],
            "figures of the study": drawn[None],
            "figures of one block": drawn["digits", "mlp", 2],
        }
        for step, targets in steps.items():
            timed(step, snakemake(folder, options.cores, *targets, "--rerun-triggers", "mtime"), folder)


def snakemake(folder: Path, cores: int, *arguments: str) -> list[str]:
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(cores), "--scheduler", "greedy"]
    return [*command, f"--configfile={folder / 'study.yaml'}"]


def timed(what: str, command: list[str], folder: Path) -> None:
    started = time.monotonic()
    with (folder / "said.txt").open("w") as said:
        done = subprocess.run(command, stdout=said, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit((folder / "said.txt").read_text()[-3000:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
    print(f"{what}: {time.monotonic() - started:.1f} s; the largest process so far had {peak:.0f} MiB", flush=True)


def make_up(folder: Path, study: config.Study) -> None:
    """What training and measuring would have left of each cell, with numbers drawn at random."""
    random, data = np.random.default_rng(0), interface.dataset("digits")
    names = catalogue.names("metrics")
    parts = {"geometry": ("test", "prior", "midpoint"), "curvature": ("test", "prior", "midpoint")}
    rows = [(part, name) for name in names for part in parts.get(catalogue.group_of("metrics", name), ("",))]
    images = random.random((8, 1, 28, 28), np.float32)
    for dataset in study.datasets:
        write(folder / f"results/data/{dataset}.safetensors", "")
        write(folder / f"results/data/{dataset}.json", json.dumps({"fingerprint": "", "checksum": ""}))
    for cell in study.cells():
        place = {name: getattr(cell, name) for name in ("dataset", "architecture", "flavour", "latent")}
        seeds = [place | {"seed": seed} for seed in study.seeds]
        write(folder / f"results/runs/{cell.path}.json", json.dumps({"cell": cell.plain(), "runs": {}}))
        evaluations = folder / "results/evaluations" / cell.path
        values = random.normal(size=(len(seeds), len(rows)))
        metrics = [
            seed | {"part": part, "metric": name, "value": value, "reason": ""}
            for seed, measured in zip(seeds, values, strict=True)
            for (part, name), value in zip(rows, measured, strict=True)
        ]
        write(evaluations / "metrics.csv", pd.DataFrame(metrics, columns=METRICS).to_csv(index=False))
        compute = [seed | {"part": "", "metric": "epochs", "value": 50.0, "reason": ""} for seed in seeds]
        write(evaluations / "compute.csv", pd.DataFrame(compute, columns=METRICS).to_csv(index=False))
        history = [
            seed | {"epoch": epoch, "split": split, "term": "total", "value": 100 / epoch}
            for seed in seeds
            for epoch in range(1, 51)
            for split in ("train", "validation")
        ]
        write(evaluations / "history.csv", pd.DataFrame(history).to_csv(index=False))
        lengths = random.random((len(seeds), 3, PAIRS))
        distances = [
            seed | {"pair": pair, "distance": kind, "value": lengths[i, j, pair], "reason": ""}
            for i, seed in enumerate(seeds)
            for j, kind in enumerate(("latent", "line", "geodesic"))
            for pair in range(PAIRS)
        ]
        write(evaluations / "distances.csv", pd.DataFrame(distances).to_csv(index=False))
        by_image = {f"{name}/seed{seed}": random.random(IMAGES, np.float32) for name in MEANS for seed in study.seeds}
        savez(evaluations / "per_image.npz", by_image)
        ended = [{"seed": seed, "status": "finished", "epochs": 50} for seed in study.seeds]
        conditions = measure.conditions(cell, ended, data, study.evaluation_of(cell), study.geometry)
        conditions |= {"samplers": {}, "generated_images": IMAGES, "device": "cpu", "test_sha256": ""}
        conditions["rows"] = {"metrics": len(metrics), "compute": len(compute), "history": len(history)}
        conditions["rows"]["distances"] = len(distances)
        write(evaluations / "conditions.json", json.dumps(conditions))
        means = random.normal(size=(500, cell.latent)).astype(np.float32)
        gallery = {"originals": images, "reconstructions": images, "samples": images, "latent_means": means}
        savez(evaluations / "gallery.npz", gallery | {"labels": np.arange(500) % 10, "reason": np.array("")})
        clouds = {"log_magnification": random.normal(size=POINTS), "log_condition": random.random(POINTS)}
        savez(evaluations / "geometry.npz", clouds | {"reason": np.array(""), "curve_reason": np.array("made up")})


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    main()
