"""Geodesics between the pairs by one metric."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.survey import DISCRETE
from vaebench.geometry.geodesics import Geodesics, Space, geodesics, space
from vaebench.geometry.metrics import MetricTensor
from vaebench.study import catalogue

if TYPE_CHECKING:
    from vaebench.evaluation.survey.survey import Survey

STILL = "all images between the two codes are the same"
UNSTABLE = "no geodesic converged to a stable length"


class Paths:
    """Those by the latent metric of this name. What does not exist raises `Missing`."""

    def __init__(self, survey: Survey, name: str) -> None:
        self.survey, self.name = survey, name

    @cached_property
    def metric(self) -> MetricTensor:
        """In coordinates of the manifold."""
        made: MetricTensor = catalogue.load("latent_metrics", self.name)(self.survey)
        return made

    @cached_property
    def space(self) -> Space:
        """Lengths of curves."""
        return space(self.metric, self.survey.manifold.coordinates(self.survey.codes[:1].double()))

    @cached_property
    def geodesics(self) -> Geodesics:
        """Between the pairs."""
        if self.survey.discrete:
            raise Missing(DISCRETE)
        a, b = (self.survey.manifold.coordinates(end.double()) for end in self.survey.ends)
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
