"""What each metric of a study costs: CPU seconds by metric, and of a run in all, medians over its flavours.

python benchmarks/metric_cost.py config/suite.yaml results/suite data, with a study, its results (whose runs and judges
are trained) and its prepared data, on one thread. A metric is charged with what it is the first to compute, as a pass
over the test set.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import process_time

import torch

from vaebench.data.dataset import load as load_data
from vaebench.errors import Missing
from vaebench.evaluation import judge
from vaebench.evaluation.bench import Bench
from vaebench.evaluation.views import Views, parts, wanted
from vaebench.model.recipe import load
from vaebench.study import catalogue, config
from vaebench.training import hardware


@torch.no_grad()
def costs(study: config.Study, cell: config.Cell, results: Path, data: Path) -> dict[tuple[str, str], float]:
    """CPU seconds by table and metric of the first seed of a cell; those over samplers or datasets are summed."""

    def dataset(name: str):
        return load_data(data / f"{name}.safetensors")

    paths = [results / f"judges/{cell.dataset}-{seed}.safetensors" for seed in study.judge.seeds]
    bench = Bench(
        cell,
        dataset(cell.dataset),
        study.evaluation_of(cell),
        study.geometry,
        torch.device("cpu"),
        study.drawing(),
        [judge.load(path) for path in paths] if study.samplers else (),
        {name: dataset(name) for name in study.foreign(cell.dataset)},
    )
    views = Views(
        bench, load(results / "runs" / cell.path / f"seed{study.seeds[0]}" / "best.safetensors"), study.seeds[0]
    )
    if study.samplers:
        with suppress(Missing):  # what the judge makes of the test and training images is shared by all runs of a job
            for images in (bench.real.test, bench.real.train):
                _ = images.features
    found: dict[tuple[str, str], float] = defaultdict(float)
    for view, names in wanted(bench).items():
        for part in parts(bench, view):
            for name in names:
                metric = catalogue.load("metrics", name)
                for piece in metric.over if view == "survey" else (part,):
                    start = process_time()
                    with suppress(Missing):
                        list(metric.rows(views.of(view, piece)))
                    found[catalogue.group_of("metrics", name), name] += process_time() - start
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--dataset", help="of this alone")
    parser.add_argument("--latent", type=int, help="of this latent size alone")
    parser.add_argument("--flavours", nargs="+", help="of these alone")
    options = parser.parse_args()
    hardware.prepare(1)
    study = config.read(options.study)
    of_metric: dict[tuple[str, str], list[float]] = defaultdict(list)
    totals = []
    for cell in study.cells():
        chosen = options.flavours is None or cell.flavour in options.flavours
        if chosen and options.dataset in (None, cell.dataset) and options.latent in (None, cell.latent):
            found = costs(study, cell, options.results, options.data)
            totals.append(sum(found.values()))
            print(f"{cell.path}: {totals[-1]:.1f} s", file=sys.stderr)
            for what, seconds in found.items():
                of_metric[what].append(seconds)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["table", "metric", "median_seconds", "greatest_seconds"])
    for (table, name), each in of_metric.items():
        writer.writerow([table, name, f"{median(each):.2f}", f"{max(each):.2f}"])
    writer.writerow(["all", f"of {len(totals)} runs", f"{median(totals):.2f}", f"{max(totals):.2f}"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"peak memory {peak:.0f} MiB, torch {torch.__version__}", file=sys.stderr)


if __name__ == "__main__":
    main()
