"""Curves between pairs of codes, and the images along them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaebench.geometry.geodesics import line

if TYPE_CHECKING:
    from vaebench.evaluation.survey.paths import Paths
    from vaebench.evaluation.survey.survey import Survey

FRAMES, FINE = 17, 65  # points of a curve: decoded, and measured
TOGETHER = 1000  # frames whose nearest image is sought at once


class Curves:
    """The pairs' straight lines, or their geodesics by a metric: those pairs' whose geodesic is trusted."""

    def __init__(self, survey: Survey, name: str) -> None:
        self.survey, self.name = survey, name

    @property
    def paths(self) -> Paths:
        """By the metric of this name, or by the first."""
        return self.survey.paths.get(self.name, self.survey.first)

    @property
    def all_lengths(self) -> Tensor:
        """Of all pairs, (pairs,), trusted or not."""
        found = self.paths.geodesics
        return found.line_length if self.name == "line" else found.length

    def points(self, count: int, chosen: Tensor) -> Tensor:
        """Coordinates at times evenly spaced from 0 to 1, (chosen pairs, count, coordinates)."""
        found, times = self.paths.geodesics, torch.linspace(0, 1, count, dtype=torch.float64)
        return line(found.a[chosen], found.b[chosen], times) if self.name == "line" else found.curve(times)[chosen]

    def images(self, count: int, chosen: Tensor) -> Tensor:
        """Decoder means along them, (chosen pairs, count, channels, height, width), in [0, 1] if the data are."""
        images = self.survey.decoder.means(self.points(count, chosen)).to(self.survey.codes)
        return images.clamp(0, 1) if self.survey.bounded else images

    @cached_property
    def measured(self) -> Tensor:
        """Finely spaced points of the trusted pairs, (pairs, points, coordinates)."""
        return self.points(FINE, self.paths.trusted)

    @property
    def lengths(self) -> Tensor:
        """Of the trusted pairs' images, (pairs,)."""
        return self.all_lengths[self.paths.trusted]

    @cached_property
    def nearest(self) -> tuple[Tensor, Tensor]:
        """Root mean square distance per pixel of the inner frames to the nearest training image, and its label.

        (pairs, frames - 2) each, of the trusted pairs.
        """
        images, labels = self.survey.references
        decoded = self.images(FRAMES, self.paths.trusted)[:, 1:-1].flatten(2)
        found = [torch.cdist(some, images).min(-1) for some in decoded.flatten(0, 1).split(TOGETHER)]
        distance, place = (torch.cat(each).reshape(decoded.shape[:2]) for each in zip(*found, strict=True))
        return distance / images.shape[-1] ** 0.5, labels[place.cpu()]
