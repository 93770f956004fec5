"""Whether paths of the latent space are the true paths of images, where these are known.

python benchmarks/ground_truth.py [--json FILE] renders images of known factors: a bar turned around one of its ends,
whose codes lie on a ring (one factor, a full turn), and a square shifted across and down (two factors). It trains an
autoencoder and a VAE of two latents on either family, and surveys them with every latent metric. All pairs count,
trusted or not.

The images of either family are isometric to their factors: the true path of images turns the shorter way, or shifts
straight. It is rendered, and a latent path decoded, at frames of constant speed in images. The `error` of a path is the
root mean square difference of the two per pixel, white being 1, a mean over pairs, and beside it how much larger it is
than the line's, with the standard error over pairs; of the row `true codes` it is that of the true path's images
encoded and decoded, which is what the model loses on any path. `to data` is the root mean square difference per pixel
of a frame to the nearest training image, `to codes` the largest distance on a path to the nearest code of a training
image, in standard deviations of the codes: up to the radius of the hole where a path cuts through the ring.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Any

import torch
from torch import Tensor

import vaebench
from vaebench import files, random
from vaebench.data.dataset import Data
from vaebench.errors import Missing
from vaebench.evaluation.bench import Bench
from vaebench.evaluation.survey.curves import FRAMES
from vaebench.evaluation.survey.survey import Survey
from vaebench.evaluation.views import Views
from vaebench.geometry.geodesics import line
from vaebench.model.vae import VAE
from vaebench.study import config
from vaebench.training import hardware

SIDE, TRAINING, TEST, FINE = 16, 2000, 400, 129
METRICS = ("euclidean", "fisher_rao", "expected", "ensemble", "density")
FLAVOURS = ("ae", "vae")
SETTINGS: dict[str, Any] = {"latent": 2, "convention": "none", "epochs": 80, "network_settings": {"hidden": [128, 128]}}


@dataclass(frozen=True)
class Family:
    """Images (..., side, side) in [0, 1] of factors (..., factors) from ``low`` to ``high``, ``cyclic`` or not."""

    render: Callable[[Tensor], Tensor]
    factors: int
    low: float
    high: float
    cyclic: bool

    def draw(self, count: int, purpose: str) -> Tensor:
        """Factors of as many images, uniform, (count, factors)."""
        stream = random.Stream(torch.tensor(random.key(0, purpose)))
        return self.low + (self.high - self.low) * stream.uniform((count, self.factors), torch.float64)

    def path(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """Factors (pairs, points, factors) along the shortest path at times (points,)."""
        if self.cyclic:
            period = self.high - self.low
            b = a + (b - a + period / 2) % period - period / 2
        return line(a, b, t)


def pixels() -> tuple[Tensor, Tensor]:
    """Down and across of the centres of pixels, from the middle of the image."""
    places = torch.arange(SIDE, dtype=torch.float64) - (SIDE - 1) / 2
    down, across = torch.meshgrid(places, places, indexing="ij")
    return down, across


def bar(angle: Tensor) -> Tensor:
    """A bar from the middle outwards, with soft edges."""
    down, across = pixels()
    cosine, sine = angle[..., None].cos(), angle[..., None].sin()
    along, beside = across * cosine + down * sine, down * cosine - across * sine
    outside = torch.hypot(along - along.clamp(0, 6), beside)
    return (-0.5 * (outside / 1.2).square()).exp()


def square(shift: Tensor) -> Tensor:
    """A square of side 4 with soft edges."""
    down, across = (place - part[..., None, None] for place, part in zip(pixels(), shift.unbind(-1), strict=True))
    return (2 * (2 - down.abs())).sigmoid() * (2 * (2 - across.abs())).sigmoid()


FAMILIES = {
    "turned bar": Family(bar, 1, 0.0, 2 * math.pi, cyclic=True),
    "shifted square": Family(square, 2, -5.0, 5.0, cyclic=False),
}


def dataset(name: str, family: Family) -> tuple[Data, Tensor]:
    """Rendered images, and the factors of the test images."""
    factors = {split: family.draw(count, split) for split, count in (("train", TRAINING), ("test", TEST))}
    images = {split: (255 * family.render(values)).round().to(torch.uint8) for split, values in factors.items()}
    data = vaebench.dataset(
        name.replace(" ", "_"), images=images["train"], validation=images["test"], test=images["test"]
    )
    return data, factors["test"]


def surveyed(model: VAE, flavour: str, data: Data) -> Survey:
    cell = config.cell(flavour, **SETTINGS)
    settings = config.Geometry(metrics=list(METRICS), pairs=50)
    return Views(Bench(cell, data, config.Evaluation(), settings, torch.device("cpu")), model, 0).survey


def paced(images: Tensor) -> Tensor:
    """Finely spaced images (pairs, points, pixels) as frames of constant speed, (pairs, frames, pixels)."""
    lengths = images.diff(dim=1).norm(dim=-1).cumsum(1)
    lengths = torch.cat((torch.zeros_like(lengths[:, :1]), lengths), 1)
    wanted = lengths[:, -1:] * torch.linspace(0, 1, FRAMES, dtype=lengths.dtype)
    after = torch.searchsorted(lengths, wanted).clamp(1, lengths.shape[1] - 1)
    start, end = lengths.gather(1, after - 1), lengths.gather(1, after)
    share = torch.where(end > start, (wanted - start) / (end - start), 0)[..., None]
    rows = torch.arange(len(images))[:, None]
    return torch.lerp(images[rows, after - 1], images[rows, after], share)


def rms(difference: Tensor) -> Tensor:
    """Of the last axis."""
    return difference.square().mean(-1).sqrt()


@torch.no_grad()
def measured(survey: Survey, family: Family, factors: Tensor) -> dict[str, dict[str, Any]]:
    """What the columns of the table show of each path, for each pair, or the reason why there is none."""
    times = torch.linspace(0, 1, FINE, dtype=torch.float64)
    first, second = survey.pairs
    rendered = family.render(family.path(factors[first], factors[second], times))
    true = paced(rendered.flatten(2))
    references, (codes, _) = survey.references[0].double(), survey.trained

    def row(points: Tensor, images: Tensor) -> dict[str, Any]:
        return {
            "error": rms((images - true).flatten(1)).tolist(),
            "to data": (torch.cdist(images[:, 1:-1], references).min(-1).values / SIDE).mean(1).tolist(),
            "to codes": torch.cdist(points, codes).min(-1).values.amax(1).tolist(),
        }

    def decoded(points: Tensor) -> Tensor:
        return survey.decoder(points).mean.flatten(2)

    found: dict[str, dict[str, Any]] = {}
    encoded = survey.model.encode(true.reshape(-1, 1, SIDE, SIDE).float()).double().unflatten(0, true.shape[:2])
    points = survey.manifold.coordinates(encoded)
    found["true codes"] = row(points, decoded(points))
    paths = survey.first.geodesics
    points = line(paths.a, paths.b, times)
    found["line"] = row(points, paced(decoded(points)))
    for metric in METRICS:
        start = process_time()
        try:
            paths = survey.paths[metric].geodesics
        except Missing as error:
            found[metric] = {"reason": str(error)}
            continue
        points = paths.curve(times)
        found[metric] = row(points, paced(decoded(points))) | {"trusted": paths.trusted.tolist()}
        found[metric]["seconds"] = process_time() - start
    return found


def columns(row: dict[str, Any], straight: list[float]) -> list[str]:
    if "reason" in row:
        return [row["reason"], "", "", "", ""]
    values = {name: torch.tensor(values, dtype=torch.float64) for name, values in row.items() if name != "seconds"}
    more = values["error"] - torch.tensor(straight, dtype=torch.float64)
    trusted = f"{100 * values['trusted'].mean():.0f} %" if "trusted" in values else ""
    return [
        f"{values['error'].mean():.4f}",
        f"{more.mean():+.4f} ± {more.std() / len(more) ** 0.5:.4f}",
        f"{values['to data'].mean():.4f}",
        f"{values['to codes'].mean():.3f}",
        trusted,
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write what the table shows for each pair here")
    options = parser.parse_args()
    hardware.prepare(1)
    record: dict[str, Any] = {}
    print("| images | flavour | path | error | than the line's | to data | to codes | trusted |")
    print("|---|---|---|---|---|---|---|---|")
    for name, family in FAMILIES.items():
        data, factors = dataset(name, family)
        for flavour in FLAVOURS:
            survey = surveyed(vaebench.train(flavour, data, **SETTINGS), flavour, data)
            record[f"{name}, {flavour}"] = found = measured(survey, family, factors)
            for path, row in found.items():
                print("|", " | ".join((name, flavour, path, *columns(row, found["line"]["error"]))), "|", flush=True)
    if options.json:
        files.write(options.json, json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
