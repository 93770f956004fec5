"""Distances of the pairs of test images: those of the latent geometry, and what they must be held against."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaebench import random
from vaebench.errors import Missing
from vaebench.evaluation.survey import DISCRETE, METRICS, NO_VECTORS
from vaebench.evaluation.survey.pairs import available
from vaebench.evaluation.survey.paths import STILL, UNSTABLE
from vaebench.geometry.geodesics import line
from vaebench.geometry.manifolds import Euclidean

if TYPE_CHECKING:
    from vaebench.evaluation.survey.curves import Curves
    from vaebench.evaluation.survey.survey import Survey

TIMES = 33  # of a straight line's image before training


class Distances:
    """One kind of distance of every pair.

    ``pixel`` is that of the two images, which no model has a part in; ``latent`` the latent space's own,
    ``mahalanobis`` that by the covariance of the codes; ``ends`` the distance of the two decoded images, ``line`` and
    ``geodesic`` lengths of curves of decoded images between them, and a latent metric's name the length of its own
    geodesic. Two are controls: ``untrained`` is the line's length in the model as it was before training, ``shuffled``
    is ``latent`` between codes of other images, by a permutation of the seed's own, and knows nothing of the pair.
    """

    def __init__(self, survey: Survey, kind: str) -> None:
        self.survey, self.kind = survey, kind

    @cached_property
    def values(self) -> Tensor:
        """Of every pair, (pairs,), float64, not a number where there is none; raises `Missing`."""
        if self.kind in ("geodesic", *METRICS):
            return self._geodesic()
        values: Tensor = getattr(self, f"_{self.kind}")()
        return values.double()

    @property
    def curves(self) -> Curves:
        """Of whose lengths these are."""
        found: Curves = self.survey.parts[self.kind]
        return found

    @property
    def alike(self) -> Tensor:
        """Whether the two images of a pair are of one class, (pairs,)."""
        first, second = self.survey.pairs
        return self.survey.labels[first] == self.survey.labels[second]

    def rows(self) -> list[dict[str, Any]]:
        """Tidy rows, a value or the reason for each pair."""
        count = available(self.survey.settings.pairs, len(self.survey.labels)) or 1
        try:
            values, reasons = self.values.tolist(), self._reasons(count)
        except Missing as error:
            values, reasons = [torch.nan] * count, [str(error)] * count
        known = torch.tensor(values).isfinite().tolist()
        return [
            {
                "pair": pair,
                "distance": self.kind,
                "value": value if is_known else None,
                "reason": "" if is_known else why,
            }
            for pair, (value, is_known, why) in enumerate(zip(values, known, reasons, strict=True))
        ]

    def _reasons(self, count: int) -> list[str]:
        """Why a pair has no distance, if it has none."""
        if self.kind not in ("geodesic", *METRICS):
            return ["it is not finite"] * count
        lines = self.curves.paths.geodesics.line_length
        return [STILL if line == 0 else UNSTABLE for line in lines.tolist()]

    def _pixel(self) -> Tensor:
        _ = self.survey.codes  # without which there is no survey
        first, second = self.survey.pairs
        images = self.survey.observed.flatten(1)
        return (images[first] - images[second]).norm(dim=-1)

    def _latent(self) -> Tensor:
        return self.survey.manifold.distance(*self.survey.ends)

    def _mahalanobis(self) -> Tensor:
        if not isinstance(self.survey.manifold, Euclidean):
            raise Missing(NO_VECTORS)
        a, b = (self.survey.manifold.coordinates(end.double()) for end in self.survey.ends)
        return (a - b).norm(dim=-1)

    def _ends(self) -> Tensor:
        a, b = (self.survey.mean_images(end).flatten(1) for end in self.survey.ends)
        return (a - b).norm(dim=-1)

    def _untrained(self) -> Tensor:
        if self.survey.discrete:
            raise Missing(DISCRETE)
        before = self.survey.untrained
        a, b = (before.manifold.coordinates(end.double()) for end in before.ends)
        return before.space.steps(line(a, b, torch.linspace(0, 1, TIMES, dtype=torch.float64))).sum(-1)

    def _line(self) -> Tensor:
        return self.curves.all_lengths

    def _geodesic(self) -> Tensor:
        curves, (a, b) = self.curves, self.survey.ends
        values = torch.where((a == b).all(-1), 0.0, torch.nan).to(curves.all_lengths)
        values[curves.paths.trusted] = curves.lengths
        return values

    def _shuffled(self) -> Tensor:
        key = torch.tensor(random.key(self.survey.seed, "shuffled"))
        order = random.permutation(key, len(self.survey.codes)).to(self.survey.codes.device)
        first, second = self.survey.pairs
        return self.survey.manifold.distance(self.survey.codes[order[first]], self.survey.codes[order[second]])
