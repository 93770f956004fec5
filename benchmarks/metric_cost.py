"""What each metric of a study costs: CPU seconds by metric, and of a run in all, medians over its flavours.

python benchmarks/metric_cost.py config/suite.yaml results/suite data, with a study, its results (whose runs and judges
are trained) and its prepared data, on one thread. A metric is charged with what it is the first to compute, as a pass
over the test set.

With ``--launches`` operations on tensors take the place of seconds, counted as `step_cost.py` does: what Python hands
to a GPU one after the other. Runs that are measured side by side in one program would share these, and nothing else.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from statistics import median
from time import process_time

import torch
from step_cost import Count

from vaebench.data.dataset import load as load_data
from vaebench.errors import Missing, VaebenchError
from vaebench.evaluation import judge
from vaebench.evaluation.bench import Bench
from vaebench.evaluation.survey import present
from vaebench.evaluation.views import Views, parts, wanted
from vaebench.model.recipe import load
from vaebench.study import catalogue, config
from vaebench.training import hardware


@torch.no_grad()
def costs(
    study: config.Study, cell: config.Cell, results: Path, data: Path, clock: Callable[[], float]
) -> dict[tuple[str, str], float]:
    """By table and metric of the first seed of a cell, on a ``clock``; those over samplers or datasets are summed."""

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
                geometry = study.geometry if view == "survey" else None
                for piece in present(metric.over, geometry.metrics) if geometry else (part,):
                    start = clock()
                    with suppress(Missing):
                        list(metric.rows(views.of(view, piece)))
                    found[catalogue.group_of("metrics", name), name] += clock() - start
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--dataset", help="of this alone")
    parser.add_argument("--latent", type=int, help="of this latent size alone")
    parser.add_argument("--flavours", nargs="+", help="of these alone")
    parser.add_argument("--launches", action="store_true", help="operations in place of seconds")
    options = parser.parse_args()
    hardware.prepare(1)
    study = config.read(options.study)
    of_metric: dict[tuple[str, str], list[float]] = defaultdict(list)
    totals = []
    unit, digits = ("launches", 0) if options.launches else ("seconds", 2)
    for cell in study.cells():
        chosen = options.flavours is None or cell.flavour in options.flavours
        if chosen and options.dataset in (None, cell.dataset) and options.latent in (None, cell.latent):
            with Count("cpu") if options.launches else nullcontext() as count:
                clock = count.launches.total if count else process_time
                found = costs(study, cell, options.results, options.data, clock)
            totals.append(sum(found.values()))
            print(f"{cell.path}: {totals[-1]:,.{digits}f} {unit}", file=sys.stderr)
            for what, cost in found.items():
                of_metric[what].append(cost)
    if not totals:
        raise VaebenchError(f"{options.study} has no cell of this dataset, latent size and these flavours")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["table", "metric", f"median_{unit}", f"greatest_{unit}"])
    for (table, name), each in of_metric.items():
        writer.writerow([table, name, f"{median(each):.{digits}f}", f"{max(each):.{digits}f}"])
    writer.writerow(["all", f"of {len(totals)} runs", f"{median(totals):.{digits}f}", f"{max(totals):.{digits}f}"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(f"peak memory {peak:.0f} MiB, torch {torch.__version__}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except VaebenchError as error:
        sys.exit(f"metric_cost: {error}")
