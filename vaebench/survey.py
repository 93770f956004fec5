"""What geometry metrics ask of a trained run, computed once each; and the survey of a cell's runs into tidy rows."""

from __future__ import annotations

import copy
import pathlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from . import binarisation, catalogue, random, runs
from .distributions.gaussian import Gaussian
from .engine import EVALUATION_BATCH
from .errors import VaebenchError
from .evaluation import COLUMNS, located
from .geometry import curvature, graph, manifolds
from .geometry.geodesics import Geodesics, Immersed, Intrinsic, Space, geodesics, line
from .geometry.metrics import Metric, Pullback, metric
from .geometry.scalars import log_condition, log_magnification
from .model import VAE
from .recipe import load

if TYPE_CHECKING:
    from .config import Cell
    from .config import Geometry as Settings
    from .data.dataset import Data, Split

PLACES = ("test", "prior", "midpoint")
PATHS = ("line", "geodesic")
NEIGHBOURHOODS = ("latent", "graph")
CODES, NEIGHBOURS = 1000, 10  # of the graph
REFERENCES = 5000  # training images that decoded ones are held against
FRAMES, FINE = 17, 65  # points of a path: decoded, and measured
STRIPS, STRIP, DRAWN = 2, 9, 10  # pairs and frames of the pictures, and paths in the plane
GRID, LATITUDES = 48, 1.5
TIMES = torch.linspace(0, 1, FINE, dtype=torch.float64)
DISCRETE = "its latents are discrete codes, with nothing between them"


@dataclass(frozen=True)
class Charted:
    """A decoder of a manifold's coordinates."""

    decoder: nn.Module
    manifold: manifolds.Manifold

    def __call__(self, y: Tensor) -> Any:
        return self.decoder(self.manifold.latents(y))

    @property
    def likelihood(self) -> Any:
        return getattr(self.decoder, "likelihood", None)


def evenly(count: int, of: int) -> Tensor:
    """``count`` numbers below ``of``, evenly spaced; all of them if there are no more."""
    count = min(count, of)
    return torch.arange(count) * of // count


def pairs(labels: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Numbers of ``count`` pairs of images, in turn of one class and of two where there are such pairs.

    A function of the labels (images,) alone, so that all runs on a dataset are compared on the same pairs. Raises
    `VaebenchError` for a single image.
    """
    if len(labels) < 2:
        raise VaebenchError("pairs need two test images, and there is one")
    order = random.permutation(torch.tensor(random.key(0, "pairs")), len(labels))
    first, second = order[torch.arange(count) % len(order)], []
    for number, one in enumerate(first.tolist()):
        others = order.roll(-number - 1)[:-1]
        alike = others[(labels[others] == labels[one]) == (number % 2 == 0)]
        left = alike if len(alike) else others
        second.append(int(left[number // len(order) % len(left)]))
    return first, torch.tensor(second)


class Survey:
    """A model's latent space before the test set.

    ``observed`` are test images as the model sees them, ``labels`` their classes, ``train`` is what decoded images are
    compared with, and ``lost`` says why there is nothing to survey. All noise is a function of the seed. Coordinates
    are those of ``manifold``; quantities of points are in float64, of paths in float32. What does not exist raises
    `VaebenchError`.
    """

    def __init__(
        self,
        model: VAE,
        observed: Tensor,
        labels: Tensor,
        train: Split,
        seed: int,
        settings: Settings,
        lost: str = "",
    ) -> None:
        self.model, self.observed, self.labels, self.train = model.requires_grad_(False), observed, labels, train
        self.seed, self.settings, self.lost = seed, settings, lost
        self.parts: dict[str, Any] = {"": self}
        self.parts |= {name: Place(self, name) for name in PLACES}
        self.parts |= {name: Path(self, name) for name in PATHS}
        self.parts |= {name: Neighbourhood(self, name) for name in NEIGHBOURHOODS}

    def rows(self) -> Iterable[tuple[str, str, float | None, str]]:
        """Name, part (empty: the whole), value and reason of every geometry metric."""
        for name in catalogue.names("metrics/geometry"):
            metric = catalogue.load("metrics/geometry", name)
            for part in metric.over:
                for label, value, reason in metric.rows(self.parts[part]):
                    yield label, part, value, reason

    @cached_property
    def posterior(self) -> Any:
        """The encoder's distribution of one image."""
        return self.model.encoder(self.observed[:1])

    @cached_property
    def codes(self) -> Tensor:
        """Point estimates of all test images, (images, latent)."""
        if self.lost:
            raise VaebenchError(self.lost)
        codes = torch.cat([self.model.encode(x) for x in self.observed.split(EVALUATION_BATCH)])
        if codes.shape[-1] >= self.observed[0].numel():
            raise VaebenchError("its latents are the pixels themselves")
        if not codes.isfinite().all():
            raise VaebenchError("its codes are not finite")
        return codes

    @cached_property
    def manifold(self) -> manifolds.Manifold:
        unit = self.model.prior is not None and isinstance(self.model.prior(self.model.encoder), Gaussian)
        return manifolds.manifold(self.posterior, self.codes, unit)

    @cached_property
    def decoder(self) -> Charted:
        """Of coordinates, in float32."""
        return Charted(self.model.decoder, self.manifold)

    @cached_property
    def metric(self) -> Metric:
        """The pull-back metric of the decoder in float64."""
        return metric(Charted(copy.deepcopy(self.model.decoder).double(), self.manifold), self.settings.metric)

    @cached_property
    def space(self) -> Space:
        """Lengths of curves, in float32."""
        pulled = metric(self.decoder, self.settings.metric)
        immersion = pulled.immersed(self.manifold.coordinates(self.codes[:1]))
        return Intrinsic(pulled) if immersion is None else Immersed(immersion)

    @cached_property
    def ends(self) -> tuple[Tensor, Tensor]:
        """Codes of the pairs of test images, two times (pairs, latent)."""
        first, second = pairs(self.labels, self.settings.pairs)
        return self.codes[first], self.codes[second]

    @cached_property
    def geodesics(self) -> Geodesics:
        """Between the pairs."""
        if manifolds.discrete(self.posterior):
            raise VaebenchError(DISCRETE)
        a, b = map(self.manifold.coordinates, self.ends)
        return geodesics(self.space, a, b)

    @cached_property
    def trusted(self) -> Tensor:
        """Numbers of the pairs whose geodesic is trusted."""
        found = self.geodesics.trusted & self.geodesics.length.isfinite() & (self.geodesics.line_length > 0)
        if not found.any():
            raise VaebenchError("no geodesic converged to a stable length")
        return found.nonzero()[:, 0]

    @property
    def learned_metric(self) -> Any:
        """That of a flavour whose posterior has one: latents (points, latent) to (points, latent, latent)."""
        learn = getattr(self.model.posterior, "metric", None)
        if learn is None:
            raise VaebenchError("it has no learned metric")
        return learn(self.model)

    @cached_property
    def references(self) -> tuple[Tensor, Tensor]:
        """Evenly spaced training images, flat in [0, 1], and their labels."""
        chosen = evenly(REFERENCES, len(self.train.images))
        images = binarisation.scaled(self.train.images[chosen].to(self.observed.device))
        return images.flatten(1), self.train.labels[chosen]

    def distances(self) -> pd.DataFrame:
        """Of every pair: the latent space's own, the line's length and the geodesic's; missing with the reason."""
        frames = []
        for kind in ("latent", *PATHS):
            try:
                values, reason = self._distances(kind).double().cpu().numpy(), ""
            except VaebenchError as error:
                values, reason = np.full(self.settings.pairs, np.nan), str(error)
            frame = pd.DataFrame({"pair": range(self.settings.pairs), "distance": kind, "value": values})
            lost = reason or "no geodesic that converged to a stable length"
            frames.append(frame.assign(reason=np.where(np.isfinite(values), "", lost)))
        return pd.concat(frames, ignore_index=True)

    def _distances(self, kind: str) -> Tensor:
        if kind == "latent":
            return self.manifold.distance(*self.ends)
        if kind == "line":
            return self.geodesics.line_length
        values = torch.full_like(self.geodesics.length, torch.nan)
        values[self.trusted] = self.geodesics.length[self.trusted]
        return values


class Place:
    """A cloud of latents: codes of evenly spaced test images, draws of the prior, or midpoints of the pairs' codes."""

    def __init__(self, survey: Survey, name: str) -> None:
        self.survey, self.name = survey, name

    @cached_property
    def y(self) -> Tensor:
        """Their coordinates, (points, coordinates), float64."""
        model, count, codes = self.survey.model, self.survey.settings.points, self.survey.codes
        manifold = self.survey.manifold
        if self.name == "test":
            return manifold.coordinates(codes[evenly(count, len(codes))].double())
        if manifolds.discrete(self.survey.posterior):
            raise VaebenchError(DISCRETE)
        if self.name == "midpoint":
            a, b = (manifold.coordinates(end.double()) for end in self.survey.ends)
            return manifold.coordinates(manifold.latents(0.5 * (a + b)))
        if model.prior is None:
            raise VaebenchError("it has no prior")
        with random.stream(torch.tensor(random.key(self.survey.seed, "survey"), device=codes.device)):
            return manifold.coordinates(model.prior(model.encoder).rsample(torch.Size((count,))).double())

    @cached_property
    def singular_values(self) -> Tensor:
        """Of the decoder's Jacobian along the manifold's frame, (points, dimension), float64, descending."""
        return self.survey.metric.singular_values(self.y, self.survey.manifold.frame(self.y))

    @cached_property
    def scale(self) -> Tensor:
        """$c^2$, the mean squared singular value."""
        return self.singular_values.square().mean()

    @cached_property
    def curved(self) -> Metric:
        """The metric, made regular where there are more coordinates than dimensions."""
        manifold, pulled = self.survey.manifold, self.survey.metric
        if manifold.dimension < 2:
            raise VaebenchError("curvature needs two active latent directions, and there is one")
        if any(isinstance(layer, nn.ReLU) for layer in self.survey.model.decoder.modules()):
            raise VaebenchError("its decoder is piecewise linear (ReLU) and has no curvature")
        immersion = pulled.immersed(self.y)
        if immersion is None:
            return pulled
        return Pullback(lambda y: torch.cat((immersion(y), manifold.radial(y)), -1))

    @cached_property
    def scalar_curvature(self) -> Tensor:
        """Times $c^2$: of images scaled so that the mean squared singular value is 1, (points,)."""
        return self.scale * curvature.scalar(self.curved, self.y)

    @cached_property
    def sectional_curvature(self) -> Tensor:
        """Times $c^2$, of a random tangent plane at each point, (points,)."""
        frame = self.survey.manifold.frame(self.y)
        stream = random.Stream(torch.tensor(random.key(self.survey.seed, "planes"), device=self.y.device))
        u, v = stream.normal((2, *self.y.shape[:1], frame.shape[-1], 1), self.y.dtype)
        return self.scale * curvature.sectional(self.curved, self.y, (frame @ u)[..., 0], (frame @ v)[..., 0])


class Path:
    """The pairs' straight lines, or their geodesics: those pairs' whose geodesic is trusted."""

    def __init__(self, survey: Survey, name: str) -> None:
        self.survey, self.name = survey, name

    def points(self, count: int, chosen: Tensor) -> Tensor:
        """Coordinates at times evenly spaced from 0 to 1, (chosen pairs, count, coordinates)."""
        found, times = self.survey.geodesics, torch.linspace(0, 1, count, dtype=torch.float64)
        return line(found.a[chosen], found.b[chosen], times) if self.name == "line" else found.curve(times)[chosen]

    def images(self, count: int, chosen: Tensor) -> Tensor:
        """Decoder means along them, (chosen pairs, count, channels, height, width) in [0, 1]."""
        return self.survey.decoder(self.points(count, chosen)).mean.clamp(0, 1)

    @cached_property
    def measured(self) -> Tensor:
        """Finely spaced points of the trusted pairs, (pairs, points, coordinates)."""
        return self.points(FINE, self.survey.trusted)

    @property
    def lengths(self) -> Tensor:
        """Of the trusted pairs' images, (pairs,)."""
        found = self.survey.geodesics
        return (found.line_length if self.name == "line" else found.length)[self.survey.trusted]

    @cached_property
    def nearest(self) -> tuple[Tensor, Tensor]:
        """Root mean square distance per pixel of the inner frames to the nearest training image, and its label.

        (pairs, frames - 2) each, of the trusted pairs.
        """
        images, labels = self.survey.references
        decoded = self.images(FRAMES, self.survey.trusted)[:, 1:-1].flatten(2)
        found = [torch.cdist(part, images).min(-1) for part in decoded]
        distance = torch.stack([each.values for each in found]) / images.shape[-1] ** 0.5
        return distance, labels[torch.stack([each.indices for each in found]).cpu()]


class Neighbourhood:
    """Distances among codes of evenly spaced test images: the latent space's own, or through a graph of neighbours."""

    def __init__(self, survey: Survey, name: str) -> None:
        self.survey, self.name = survey, name

    @cached_property
    def _chosen(self) -> Tensor:
        return evenly(CODES, len(self.survey.codes))

    @property
    def labels(self) -> np.ndarray:
        return self.survey.labels[self._chosen].numpy()

    @cached_property
    def distances(self) -> np.ndarray:
        """(codes, codes)."""
        manifold, codes = self.survey.manifold, self.survey.codes[self._chosen]
        if self.name == "latent":
            return torch.stack([manifold.distance(code, codes) for code in codes]).double().cpu().numpy()
        if manifolds.discrete(self.survey.posterior):
            raise VaebenchError(DISCRETE)
        return graph.distances(graph.graph(self.survey.space, manifold.coordinates(codes), neighbours=NEIGHBOURS))


def pictures(survey: Survey) -> dict[str, np.ndarray]:
    """Arrays for the figures; ``reason`` says why there are no others, ``curve_reason`` why there are no curves."""
    try:
        s, flat = survey.parts["test"].singular_values, survey.manifold.chart(survey.codes).shape[-1] == 2
        arrays: dict[str, Any] = {"log_magnification": log_magnification(s)}
        arrays |= {"log_condition": log_condition(s)} if survey.manifold.dimension > 1 else {}
        arrays |= _plane(survey) if flat else {}
    except VaebenchError as error:
        return {"reason": np.array(str(error))}
    try:
        arrays |= _curves(survey, flat)
    except VaebenchError as error:
        arrays["curve_reason"] = np.array(str(error))
    tensors = {name: value for name, value in arrays.items() if isinstance(value, Tensor)}
    return {"reason": np.array("")} | arrays | {name: value.cpu().numpy() for name, value in tensors.items()}


def _plane(survey: Survey) -> dict[str, Any]:
    """Magnification and Gaussian curvature over a window of two latents, and the codes there."""
    manifold, test = survey.manifold, survey.parts["test"]
    codes = manifold.chart(survey.codes).double()
    low, high = manifold.window(codes)
    x, y = (torch.linspace(float(a), float(b), GRID, dtype=torch.float64) for a, b in zip(low, high, strict=True))
    chart = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).to(codes.device)
    place = manifold.place(chart)
    s = survey.metric.singular_values(place, manifold.frame(place))
    shown = evenly(CODES, len(codes))
    arrays = {
        "plane_axes": np.array(manifold.axes),
        "plane_x": x,
        "plane_y": y,
        "plane_log_magnification": log_magnification(s).float(),
        "plane_codes": codes[shown].float(),
        "plane_labels": survey.labels[shown],
    }
    try:
        arrays["plane_curvature"] = (0.5 * test.scale * curvature.scalar(test.curved, place)).float()
    except VaebenchError as error:
        arrays["curvature_reason"] = np.array(str(error))
    if hasattr(survey.model.posterior, "metric"):
        learned = torch.linalg.slogdet(survey.learned_metric(chart.to(survey.codes))).logabsdet
        arrays["plane_learned_log_magnification"] = 0.5 * learned
    return arrays


def _curves(survey: Survey, flat: bool) -> dict[str, Tensor]:
    """Decoded lines and geodesics of the first pairs of two classes, and in a plane more of them as curves."""
    arrays: dict[str, Tensor] = {}
    strips, drawn = 1 + 2 * torch.arange(STRIPS), torch.arange(DRAWN)
    strips, drawn = strips[strips < survey.settings.pairs], drawn[drawn < survey.settings.pairs]
    found = survey.geodesics
    for name, lengths in (("line", found.line_length), ("geodesic", found.length)):
        path = survey.parts[name]
        arrays |= {f"{name}_images": path.images(STRIP, strips), f"{name}_lengths": lengths[strips]}
        if flat:
            latents = survey.manifold.latents(path.points(FINE, drawn))
            arrays[f"plane_{name}s"] = survey.manifold.chart(latents)
    return arrays | ({"plane_trusted": found.trusted[drawn]} if flat else {})


@torch.no_grad()
def survey(
    cell: Cell, folders: Iterable[pathlib.Path], data: Data, settings: Settings, device: torch.device
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, np.ndarray]]:
    """Survey the trained runs of a cell.

    Returns the metrics (rows as those of `vaebench.evaluation.evaluate`; the sampler is the part they are measured
    over), the distances of the pairs (a row per seed, pair and kind), and the first seed's pictures. A run that
    diverged before its first epoch ended has only missing values.
    """
    test = data.test.images.to(device)
    observed = binarisation.scaled(binarisation.fixed(test, cell.convention, "test"))
    rows: list[dict[str, Any]] = []
    distances: list[pd.DataFrame] = []
    arrays: dict[str, np.ndarray] = {}
    for folder in folders:
        record = runs.describe(folder)
        place = located(cell, record["seed"])
        model = load(folder / "best.safetensors").to(device)
        run = Survey(model, observed, data.test.labels, data.train, record["seed"], settings, runs.lost(record))
        for name, part, value, reason in run.rows():
            rows.append(place | {"sampler": part, "metric": name, "value": value, "reason": reason})
        distances.append(run.distances().assign(**place))
        arrays = arrays or pictures(run)
    return pd.DataFrame(rows), pd.concat(distances, ignore_index=True)[[*COLUMNS, *distances[0].columns[:4]]], arrays
