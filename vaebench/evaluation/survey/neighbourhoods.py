"""Distances among codes, of which neighbours and clusters are made."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.subject import evenly
from vaebench.evaluation.survey import DISCRETE, NO_VECTORS
from vaebench.geometry import graph
from vaebench.geometry.manifolds import Euclidean

if TYPE_CHECKING:
    from vaebench.evaluation.survey.survey import Survey

CODES, NEIGHBOURS = 1000, 10  # of the graph


class Neighbourhood:
    """Distances among codes of evenly spaced test images.

    The kinds are those of `vaebench.evaluation.survey.distances`: of the images' ``pixel``, the latent space's own
    (``latent``), by the codes' covariance (``mahalanobis``), of the decoded images (``ends``); ``graph`` is through a
    graph of neighbours.
    """

    def __init__(self, survey: Survey, name: str) -> None:
        self.survey, self.name = survey, name

    @cached_property
    def _chosen(self) -> Tensor:
        return evenly(CODES, len(self.survey.codes))

    @property
    def _codes(self) -> Tensor:
        return self.survey.codes[self._chosen]

    @property
    def labels(self) -> np.ndarray:
        """Raises `Missing` where there is one class only."""
        labels = self.survey.labels[self._chosen].numpy()
        if (labels == labels[0]).all():
            raise Missing("all test images are of one class")
        return labels

    @cached_property
    def distances(self) -> np.ndarray:
        """(codes, codes)."""
        found: np.ndarray = getattr(self, f"_{self.name}")()
        return found

    def _pixel(self) -> np.ndarray:
        return _between(self.survey.observed[self._chosen].flatten(1))

    def _latent(self) -> np.ndarray:
        manifold, codes = self.survey.manifold, self._codes
        return torch.stack([manifold.distance(code, codes) for code in codes]).double().cpu().numpy()

    def _mahalanobis(self) -> np.ndarray:
        if not isinstance(self.survey.manifold, Euclidean):
            raise Missing(NO_VECTORS)
        return _between(self.survey.manifold.coordinates(self._codes.double()))

    def _ends(self) -> np.ndarray:
        return _between(self.survey.mean_images(self._codes).flatten(1))

    def _graph(self) -> np.ndarray:
        if self.survey.discrete:
            raise Missing(DISCRETE)
        y = self.survey.manifold.coordinates(self._codes.double())
        return graph.distances(graph.graph(self.survey.space, y, neighbours=NEIGHBOURS))


def _between(points: Tensor) -> np.ndarray:
    """Euclidean, of points (points, coordinates), by their differences: ties of black and white images stay ties."""
    from scipy.spatial.distance import squareform  # not every job that measures needs it

    return squareform(F.pdist(points).double().cpu().numpy())
