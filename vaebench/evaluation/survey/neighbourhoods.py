"""Distances among codes, of which neighbours and clusters are made."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.subject import evenly
from vaebench.evaluation.survey import DISCRETE
from vaebench.geometry import graph

if TYPE_CHECKING:
    from vaebench.evaluation.survey.survey import Survey

CODES, NEIGHBOURS = 1000, 10  # of the graph


class Neighbourhood:
    """Distances among codes of evenly spaced test images: the latent space's own, or through a graph of neighbours."""

    def __init__(self, survey: Survey, name: str) -> None:
        self.survey, self.name = survey, name

    @cached_property
    def _chosen(self) -> Tensor:
        return evenly(CODES, len(self.survey.codes))

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
        manifold, codes = self.survey.manifold, self.survey.codes[self._chosen]
        if self.name == "latent":
            return torch.stack([manifold.distance(code, codes) for code in codes]).double().cpu().numpy()
        if self.survey.discrete:
            raise Missing(DISCRETE)
        return graph.distances(
            graph.graph(self.survey.space, manifold.coordinates(codes.double()), neighbours=NEIGHBOURS)
        )
