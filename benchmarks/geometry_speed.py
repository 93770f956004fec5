"""Speed of latent geometry: many geodesics and metrics at once, one at a time, and by other libraries.

python benchmarks/geometry_speed.py [--run FOLDER], with a trained run of any flavour, or without one a decoder with
random weights of twice their usual size, 784-512-256 wide. All contenders get the same decoder, its mean image as the
immersion, and the same pairs, drawn from a standard normal. Rounds are interleaved, times are medians over them.

A geodesic's `length` is measured by vaebench at one resolution for all and divided by the straight line's, a mean over
the pairs: the lower, the nearer to the geodesic. stochman (0.3.0) minimises the energy of all pairs at once, with its
own settings. geomstats (2.8.0, with the backend pytorch) has the metric alone; it does not import with NumPy 2.4, so it
takes part in an environment with NumPy 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor
from train_speed import count

from vaebench import files, interface, random
from vaebench.geometry.geodesics import Immersed, Map, geodesics, line
from vaebench.geometry.metrics import Pullback, immersion

IMAGE = (1, 28, 28)
TIMES = torch.linspace(0, 1, 65)
Curve = Callable[[Tensor], Tensor]


def decoder(run: str | None, latent: int) -> tuple[Map, int]:
    """The immersion of a run's decoder, or of a random one, and its number of latents."""
    if run:
        model = interface.load(run)
        latent = model.recipe.latent
    else:
        model = interface.build("vae", IMAGE, latent=latent)
        with torch.no_grad():
            for weight in model.decoder.parameters():
                weight.mul_(2)
    return immersion(model.decoder.requires_grad_(False)), latent


def at_once(space: Immersed, a: Tensor, b: Tensor) -> Curve:
    return geodesics(space, a, b).curve


def one_by_one(space: Immersed, a: Tensor, b: Tensor) -> Curve:
    return geodesics(space, a, b, chunk=1).curve


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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", metavar="FOLDER", help="a trained run (a random decoder)")
    parser.add_argument("--latent", type=count, default=10, help="latents of the random decoder (10)")
    parser.add_argument("--pairs", type=count, default=20, help="pairs of points to connect (20)")
    parser.add_argument("--points", type=count, default=256, help="points to have metrics (256)")
    parser.add_argument("--slow", type=count, default=4, help="points of the row-by-row Jacobians (4)")
    parser.add_argument("--threads", type=count, default=1, help="CPU threads (1)")
    parser.add_argument("--rounds", type=count, default=3, help="rounds, each of all contenders in turn (3)")
    parser.add_argument("--json", metavar="FILE", help="write all numbers here")
    options = parser.parse_args()
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
