"""What geometry metrics ask of a trained run, computed once each."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from vaebench import random
from vaebench.data import binarisation
from vaebench.data.dataset import Split
from vaebench.errors import Missing
from vaebench.evaluation.subject import Subject, evenly
from vaebench.evaluation.survey import DISTANCES, NEIGHBOURHOODS, PAIRS, PATHS, PLACES, present
from vaebench.evaluation.survey.balls import Balls
from vaebench.evaluation.survey.clouds import Cloud
from vaebench.evaluation.survey.curves import Curves
from vaebench.evaluation.survey.distances import Distances
from vaebench.evaluation.survey.neighbourhoods import Neighbourhood
from vaebench.evaluation.survey.pairs import pairs
from vaebench.evaluation.survey.paths import Paths
from vaebench.geometry import manifolds
from vaebench.geometry.budget import in_parts
from vaebench.geometry.geodesics import Space
from vaebench.geometry.metrics import MetricTensor
from vaebench.model.abilities import REASONS
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.samplers.encoded import Encoded
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

    def means(self, y: Tensor) -> Tensor:
        """Mean images (..., channels, height, width) of coordinates (..., coordinates)."""
        return in_parts(lambda some: self(some).mean, y)

    @property
    def likelihood(self) -> Any:
        return getattr(self.decoder, "likelihood", None)


class Survey:
    """The latent space of a ``subject``, before the test set ``test``.

    ``train`` is what decoded images are compared with, and ``encoded`` holds its codes; ``lost`` says why there is
    nothing to survey. All noise is a function of the seed. Coordinates are those of ``manifold``; metrics and curves
    are in float64, in which a pixel near 1 still moves. A ``fresh`` model has the weights from which training starts.
    What does not exist raises `Missing`.
    """

    def __init__(
        self,
        subject: Subject,
        test: Split,
        train: Split,
        encoded: Encoded,
        settings: Geometry,
        lost: str = "",
        fresh: bool = False,
    ) -> None:
        self.subject, self.model = subject, subject.model.requires_grad_(False)
        self.observed, self.seed = subject.observed, subject.seed
        self.test, self.labels, self.train, self.encoded = test, test.labels, train, encoded
        self.settings, self.lost, self.fresh = settings, lost, fresh
        self.bounded = subject.scale == "unit"  # whether pixels lie in [0, 1]
        self.paths = {name: Paths(self, name) for name in settings.metrics}
        self.parts: dict[str, Any] = {"": self}  # what a metric is measured over, by name; "" is the whole
        self.parts |= {name: Cloud(self, name) for name in PLACES}
        self.parts |= {name: Curves(self, name) for name in present(PATHS, settings.metrics)}
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
        """In a fresh model it is chance how small codes are beside the prior, so that no direction is collapsed."""
        prior = self.model.prior
        unit = prior is not None and not self.fresh and isinstance(prior(self.model.encoder), Gaussian)
        return manifolds.manifold(self.posterior, self.codes, unit)

    def charted(self, decoder: nn.Module) -> Charted:
        """A decoder of latents as one of coordinates, in float64."""
        return Charted(copy.deepcopy(decoder).double(), self.manifold)

    @cached_property
    def decoder(self) -> Charted:
        """The model's own."""
        return self.charted(self.model.decoder)

    def mean_images(self, z: Tensor) -> Tensor:
        """Those of latents (points, latent), in float64."""
        return in_parts(lambda some: self.decoder.decoder(some).mean, z.double())

    @cached_property
    def untrained(self) -> Survey:
        """Of the model as it was before training."""
        _ = self.manifold  # without which there is nothing to hold it against
        if self.model.recipe is None:
            raise Missing("the model has no recipe, from which it could be built anew")
        model, old = self.model.recipe.build().to(self.observed.device).eval(), self.subject
        subject = Subject(
            model, old.grey, old.observed, self.seed, importance_samples=1, importance_images=1, scale=old.scale
        )
        encoded = Encoded(model, self.encoded.observed, self.seed)
        return Survey(subject, self.test, self.train, encoded, self.settings, self.lost, fresh=True)

    @property
    def first(self) -> Paths:
        """Geodesics by the first metric, of which magnification and curvature are."""
        return self.paths[self.settings.metrics[0]]

    @property
    def metric(self) -> MetricTensor:
        """The first one."""
        return self.first.metric

    @property
    def space(self) -> Space:
        """Lengths of curves by the first metric."""
        return self.first.space

    @cached_property
    def trained(self) -> tuple[Tensor, Tensor]:
        """Coordinates of evenly spaced training images, (images, coordinates), and the images, (images, pixels)."""
        if not isinstance(self.manifold, manifolds.Euclidean):
            raise Missing(REASONS["euclidean"])
        chosen = evenly(REFERENCES, len(self.encoded.observed))
        images = binarisation.scaled(self.train.images[self.encoded.places[chosen]].to(self.observed.device))
        return self.manifold.coordinates(self.encoded.means[chosen].double()), images.flatten(1)

    @cached_property
    def balls(self) -> Balls:
        """Where the codes of the training images lie."""
        return Balls.of(self.trained[0], random.key(self.seed, "balls"))

    @cached_property
    def pairs(self) -> tuple[Tensor, Tensor]:
        """Numbers of the two test images of each pair, two times (pairs,)."""
        return pairs(self.labels, self.settings.pairs)

    @cached_property
    def ends(self) -> tuple[Tensor, Tensor]:
        """Codes of the pairs of test images, two times (pairs, latent)."""
        codes, (first, second) = self.codes, self.pairs
        return codes[first], codes[second]

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
        return [row for part in present(PAIRS, self.settings.metrics) for row in self.parts[part].rows()]
