"""What geometry metrics ask of a trained run, computed once each."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from vaebench.data import binarisation
from vaebench.data.dataset import Split
from vaebench.errors import Missing
from vaebench.evaluation.subject import Subject, evenly
from vaebench.evaluation.survey import DISCRETE, DISTANCES, NEIGHBOURHOODS, PAIRS, PATHS, PLACES
from vaebench.evaluation.survey.clouds import Cloud
from vaebench.evaluation.survey.curves import Curves
from vaebench.evaluation.survey.distances import STILL, UNSTABLE, Distances
from vaebench.evaluation.survey.neighbourhoods import Neighbourhood
from vaebench.evaluation.survey.pairs import pairs
from vaebench.geometry import manifolds
from vaebench.geometry.geodesics import Geodesics, Immersed, Intrinsic, Space, geodesics
from vaebench.geometry.metrics import MetricTensor, metric
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.study.config import Geometry
from vaebench.training.engine import EVALUATION_BATCH

REFERENCES = 5000  # training images that decoded ones are held against


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


class Survey:
    """The latent space of a ``subject``, before the test set that has ``labels``.

    ``train`` is what decoded images are compared with, and ``lost`` says why there is nothing to survey. All noise is a
    function of the seed. Coordinates are those of ``manifold``; metric and curves are in float64, in which a pixel near
    1 still moves. What does not exist raises `Missing`.
    """

    def __init__(self, subject: Subject, labels: Tensor, train: Split, settings: Geometry, lost: str = "") -> None:
        self.model, self.observed, self.seed = subject.model.requires_grad_(False), subject.observed, subject.seed
        self.labels, self.train, self.settings, self.lost = labels, train, settings, lost
        self.bounded = subject.scale == "unit"  # whether pixels lie in [0, 1]
        self.parts: dict[str, Any] = {"": self}  # what a metric is measured over, by name; "" is the whole
        self.parts |= {name: Cloud(self, name) for name in PLACES}
        self.parts |= {name: Curves(self, name) for name in PATHS}
        self.parts |= {name: Neighbourhood(self, name) for name in NEIGHBOURHOODS}
        self.parts |= {part: Distances(self, kind) for part, kind in zip(PAIRS, DISTANCES, strict=True)}

    @cached_property
    def posterior(self) -> Any:
        """The encoder's distribution of one image."""
        return self.model.encoder(self.observed[:1])

    @property
    def discrete(self) -> bool:
        """Whether there is nothing between its latents."""
        return manifolds.space_of(self.posterior) == "discrete"

    @cached_property
    def codes(self) -> Tensor:
        """Point estimates of all test images, (images, latent)."""
        if self.lost:
            raise Missing(self.lost)
        if len(self.observed) < 2:
            raise Missing("a geometry needs two test images, and there is one")
        codes = torch.cat([self.model.encode(x) for x in self.observed.split(EVALUATION_BATCH)])
        if torch.equal(codes, self.observed.flatten(1)):
            raise Missing("its latents are the pixels themselves")
        if not codes.isfinite().all():
            raise Missing("its codes are not finite")
        return codes

    @cached_property
    def manifold(self) -> manifolds.Manifold:
        unit = self.model.prior is not None and isinstance(self.model.prior(self.model.encoder), Gaussian)
        return manifolds.manifold(self.posterior, self.codes, unit)

    @cached_property
    def decoder(self) -> Charted:
        """Of coordinates, in float64."""
        return Charted(copy.deepcopy(self.model.decoder).double(), self.manifold)

    @cached_property
    def metric(self) -> MetricTensor:
        """The pull-back metric of the decoder."""
        return metric(self.decoder, self.settings.metric)

    @cached_property
    def space(self) -> Space:
        """Lengths of curves."""
        immersion = self.metric.immersed(self.manifold.coordinates(self.codes[:1].double()))
        return Intrinsic(self.metric) if immersion is None else Immersed(immersion)

    @cached_property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """Numbers of the two test images of each pair, two times (pairs,)."""
        return pairs(self.labels, self.settings.pairs)

    @cached_property
    def ends(self) -> tuple[Tensor, Tensor]:
        """Codes of the pairs of test images, two times (pairs, latent)."""
        codes, (first, second) = self.codes, self.pairs
        return codes[first], codes[second]

    @cached_property
    def geodesics(self) -> Geodesics:
        """Between the pairs."""
        if self.discrete:
            raise Missing(DISCRETE)
        a, b = (self.manifold.coordinates(end.double()) for end in self.ends)
        return geodesics(self.space, a, b)

    @cached_property
    def trusted(self) -> Tensor:
        """Numbers of the pairs whose geodesic is trusted."""
        moving = self.geodesics.line_length != 0
        if not moving.any():
            raise Missing(f"{STILL}, for every pair")
        found = self.geodesics.trusted & self.geodesics.length.isfinite() & moving
        if not found.any():
            raise Missing(UNSTABLE)
        return found.nonzero()[:, 0]

    @property
    def learned_metric(self) -> Any:
        """That of the model: latents (points, latent) to (points, latent, latent)."""
        if self.model.learned_metric is None:
            raise Missing("it has no learned metric")
        return self.model.learned_metric

    @cached_property
    def references(self) -> tuple[Tensor, Tensor]:
        """Evenly spaced training images, flat, and their labels."""
        chosen = evenly(REFERENCES, len(self.train.images))
        images = binarisation.scaled(self.train.images[chosen].to(self.observed.device))
        return images.flatten(1), self.train.labels[chosen]

    def distances(self) -> list[dict[str, Any]]:
        """Tidy rows of every kind of distance of every pair."""
        return [row for part in PAIRS for row in self.parts[part].rows()]
