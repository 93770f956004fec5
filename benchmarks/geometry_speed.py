"""Speed of latent geometry: many geodesics and metrics at once, one at a time, and by other libraries.

python benchmarks/geometry_speed.py [--run FOLDER], with a trained run of any flavour, or without one a decoder with
random weights of twice their usual size, 784-512-256 wide. All contenders get the same decoder, its mean image as the
immersion, and the same pairs, drawn from a standard normal. Rounds are interleaved, times are medians over them.

A geodesic's `length` is measured by vaebench at one resolution for all and divided by the straight line's, a mean over
the pairs: the lower, the nearer to the geodesic. stochman (0.3.0) minimises the energy of all pairs at once, with its
own settings. geomstats (2.8.0, with the backend pytorch) has the metric alone; it does not import with NumPy 2.4, so it
takes part in an environment with NumPy 1.

With --surveys, instead: CPU seconds of a survey of so many pairs and twice as many points (the defaults: 100 and 200)
by network, latents and pixels, of pictures too and each in a process of its own, whose peak of memory is given, and of
each further latent metric. Decoders have such random weights, codes of random images are standard normal. What metrics
share is charged to the first that needs it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from train_speed import count

from vaebench import files, interface, random
from vaebench.data.dataset import Data
from vaebench.evaluation.bench import Bench
from vaebench.evaluation.survey import METRICS, PAIRS, present
from vaebench.evaluation.survey.pictures import pictures
from vaebench.evaluation.survey.survey import Survey
from vaebench.evaluation.views import Views
from vaebench.geometry.geodesics import Immersed, Map, geodesics, line
from vaebench.geometry.metrics import Pullback, immersion
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.study import catalogue, config, views
from vaebench.training import hardware

IMAGE = (1, 28, 28)
TIMES = torch.linspace(0, 1, 65)
Curve = Callable[[Tensor], Tensor]
SURVEYS = (  # network, latents, pixels a side, pairs
    ("mlp", 2, 28, 100),
    ("mlp", 16, 28, 100),
    ("mlp", 32, 28, 100),
    ("conv", 2, 28, 100),
    ("conv", 16, 28, 100),
    ("conv", 16, 96, 10),
)
TRAINING, TEST = 5000, 1000  # images
OTHERS = [name for name in METRICS if name != "euclidean"]


def decoder(run: str | None, latent: int) -> tuple[Map, int]:
    """The immersion of a run's decoder, or of a random one, and its number of latents."""
    if run:
        model = interface.load(run)
        latent = model.recipe.latent
    else:
        model = interface.build("vae", IMAGE, latent=latent)
        rough(model.decoder)
    return immersion(model.decoder.requires_grad_(False)), latent


@torch.no_grad()
def rough(decoder: nn.Module) -> None:
    """Twice the weights, for a curved surface."""
    for weight in decoder.parameters():
        weight.mul_(2)


def at_once(space: Immersed, a: Tensor, b: Tensor) -> Curve:
    return geodesics(space, a, b).curve


def one_by_one(space: Immersed, a: Tensor, b: Tensor) -> Curve:
    found = [geodesics(space, *pair) for pair in zip(a.split(1), b.split(1), strict=True)]
    return lambda times: torch.cat([each.curve(times) for each in found])


def stochman(space: Immersed, a: Tensor, b: Tensor) -> Curve:
    from stochman.manifold import EmbeddedManifold

    class Decoder(EmbeddedManifold):
        def embed(self, points: Tensor, jacobian: bool = False) -> Tensor:
            return space.immersion(points)

    return Decoder().connecting_geodesic(a, b)[0]


def by_rows(map_: Map, z: Tensor) -> Tensor:
    """The pull-back metric by a reverse-mode pass for each pixel of each point."""
    rows = [torch.autograd.functional.jacobian(map_, point) for point in z]
    return torch.stack([jacobian.mT @ jacobian for jacobian in rows])


def geomstats(map_: Map, z: Tensor) -> Tensor:
    """The metric of its immersed sets."""
    from geomstats.geometry.base import ImmersedSet
    from geomstats.geometry.euclidean import Euclidean

    class Image(ImmersedSet):
        def _define_embedding_space(self) -> Any:
            return Euclidean(map_(z[:1]).shape[-1])

        def immersion(self, point: Tensor) -> Tensor:
            return map_(point)

    return Image(z.shape[-1]).metric.metric_matrix(z)


def has_geomstats() -> bool:
    """Whether it is installed and imports."""
    os.environ["GEOMSTATS_BACKEND"] = "pytorch"
    try:
        importlib.import_module("geomstats.geometry.pullback_metric")
    except ImportError:
        return False
    return True


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Seconds, and the result."""
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def compare(contenders: dict[str, Callable[[], Any]], rounds: int, items: dict[str, int]) -> dict[str, Any]:
    """Seconds per item, a list over the rounds, and the last result of each contender."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    results = {}
    for _ in range(rounds):
        for name, contender in contenders.items():
            spent, results[name] = timed(contender)
            seconds[name].append(spent / items[name])
    return {"seconds": seconds, "results": results}


class Projection(nn.Module):
    """Random images (images, channels, height, width) to posteriors whose means are near standard normal."""

    def __init__(self, pixels: int, latent: int, stream: random.Stream) -> None:
        super().__init__()
        self.directions = stream.normal((pixels, latent), torch.float32) * (12 / pixels) ** 0.5

    def forward(self, x: Tensor) -> Gaussian:
        means = (x.flatten(1) - 0.5) @ self.directions
        return Gaussian(means, torch.full_like(means, -3.0))


def surveyed(network: str, latent: int, side: int, pairs: int, metrics: list[str]) -> Survey:
    """By these latent metrics, of a random model before random images."""
    stream = random.Stream(torch.tensor(random.key(0, "survey speed")))

    def drawn(images: int) -> tuple[Tensor, Tensor]:
        values = stream.uniform((images, 1, side, side), torch.float32)
        return (255 * values).round().to(torch.uint8), torch.arange(images) % 10

    data: Data = interface.dataset(
        "random", images=(train := drawn(TRAINING))[0], labels=train[1], validation=drawn(2), test=drawn(TEST)
    )
    model = interface.build("vae", data.shape, latent=latent, network=network)
    model.encoder = Projection(side * side, latent, stream)
    rough(model.decoder)
    cell = config.cell("vae", latent=latent, network=network, convention="none")
    settings = config.Geometry(points=2 * pairs, pairs=pairs, metrics=metrics)
    return Views(Bench(cell, data, config.Evaluation(), settings, torch.device("cpu")), model, 0).survey


@torch.no_grad()
def cost(network: str, latent: int, side: int, pairs: int, threads: int) -> dict[str, Any]:
    """CPU seconds of a survey and of each further metric, and the peak of memory before and after the survey, MB."""
    hardware.prepare(threads)
    plain = surveyed(network, latent, side, pairs, ["euclidean"])
    before, start = _peak(), time.process_time()
    measure(plain, present(tuple(plain.parts), ["euclidean"]))
    pictures(plain)
    found = {"survey": time.process_time() - start, "before": before, "peak": _peak()}
    survey = surveyed(network, latent, side, pairs, ["euclidean", *OTHERS])
    for name in OTHERS:
        start = time.process_time()
        measure(survey, [name, f"{name} pairs"])
        found[name] = time.process_time() - start
    return found


def measure(survey: Survey, parts: list[str]) -> None:
    """Every metric of the default tier, and distances, over some parts."""
    for name in views.metrics(["survey"], "default")["survey"]:
        metric = catalogue.load("metrics", name)
        for part in metric.over:
            if part in parts:
                list(metric.rows(survey.parts[part]))
    for part in parts:
        if part in PAIRS:
            survey.parts[part].rows()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def surveys(threads: int) -> list[dict[str, Any]]:
    """Costs of `SURVEYS`, also printed as a table."""
    print(
        "| network | latents | pixels | pairs | survey, s | peak, MB (before) |",
        " | ".join(f"{name}, s" for name in OTHERS),
        "|",
    )
    print("|---" * (6 + len(OTHERS)) + "|")
    rows = []
    for case in SURVEYS:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
            found = alone.submit(cost, *case, threads).result()
        rows.append(dict(zip(("network", "latent", "side", "pairs"), case, strict=True)) | found)
        memory = f"{found['peak']:.0f} ({found['before']:.0f})"
        spent = (f"{found[name]:.1f}" for name in OTHERS)
        network, latent, side, pairs = case
        values = network, str(latent), f"{side}x{side}", str(pairs), f"{found['survey']:.1f}", memory, *spent
        print("|", " | ".join(values), "|", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", metavar="FOLDER", help="a trained run (a random decoder)")
    parser.add_argument("--latent", type=count, default=10, help="latents of the random decoder (10)")
    parser.add_argument("--pairs", type=count, default=20, help="pairs of points to connect (20)")
    parser.add_argument("--points", type=count, default=256, help="points to have metrics (256)")
    parser.add_argument("--slow", type=count, default=4, help="points of the row-by-row Jacobians (4)")
    parser.add_argument("--threads", type=count, default=1, help="CPU threads (1)")
    parser.add_argument("--rounds", type=count, default=3, help="rounds, each of all contenders in turn (3)")
    parser.add_argument("--surveys", action="store_true", help="time whole surveys instead")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here")
    options = parser.parse_args()
    if options.surveys:
        rows = surveys(options.threads)
        if options.json:
            files.write(options.json, json.dumps({"options": vars(options), "surveys": rows}, indent=2) + "\n")
        return
    torch.set_num_threads(options.threads)

    map_, latent = decoder(options.run, options.latent)
    space = Immersed(map_)
    stream = random.Stream(torch.tensor(random.key(0, "geometry speed")))
    a, b = (stream.normal((options.pairs, latent), torch.float32) for _ in range(2))
    z = stream.normal((options.points, latent), torch.float32)

    solvers = {"vaebench, all pairs at once": at_once, "vaebench, one pair at a time": one_by_one}
    if has_stochman := importlib.util.find_spec("stochman") is not None:
        solvers["stochman, all pairs at once"] = stochman
    pairs = compare(
        {name: partial(solve, space, a, b) for name, solve in solvers.items()},
        options.rounds,
        dict.fromkeys(solvers, options.pairs),
    )
    with torch.no_grad():
        straight = space.length(line(a, b, TIMES)).mean()
        lengths = {
            name: (space.length(curve(TIMES)).mean() / straight).item() for name, curve in pairs["results"].items()
        }
    print(f"geodesics, {options.pairs} pairs, latent {latent}, {options.threads} thread(s)\n")
    for name, seconds in pairs["seconds"].items():
        print(f"{name:30s} {1000 * median(seconds):9.1f} ms per pair   length {lengths[name]:.4f} of the line's")
    if not has_stochman:
        print(f"{'stochman':30s} not installed")

    few = z[: options.slow]
    contenders: dict[str, tuple[Callable[[], Tensor], int]] = {
        "vaebench, all points at once": (lambda: Pullback(map_)(z), len(z)),
        "a reverse pass for each pixel": (lambda: by_rows(map_, few), len(few)),
    }
    if has_geomstats():
        contenders["geomstats"] = (lambda: geomstats(map_, few), len(few))
    metrics = compare(
        {name: contender for name, (contender, _) in contenders.items()},
        options.rounds,
        {name: count for name, (_, count) in contenders.items()},
    )
    one, *others = metrics["results"].values()
    error = max(((one[: len(few)] - other).norm() / other.norm()).item() for other in others)
    print(
        f"\npull-back metrics, {len(z)} points ({len(few)} by others); they differ by a relative {error:.1e} at most\n"
    )
    for name, seconds in metrics["seconds"].items():
        print(f"{name:30s} {1000 * median(seconds):9.2f} ms per point")
    if "geomstats" not in contenders:
        print(f"{'geomstats':30s} not installed, or does not import")
    if options.json:
        record = {
            "options": vars(options),
            "geodesics": pairs["seconds"],
            "lengths": lengths,
            "metrics": metrics["seconds"],
        }
        files.write(options.json, json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
