"""Clouds of latents, and the decoder's pull-back metric there."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vaebench import random
from vaebench.errors import Missing
from vaebench.evaluation.subject import evenly
from vaebench.evaluation.survey import DISCRETE
from vaebench.geometry import curvature, scalars
from vaebench.geometry.metrics import MetricTensor, Pullback

if TYPE_CHECKING:
    from vaebench.evaluation.survey.survey import Survey


class Cloud:
    """A cloud of latents: codes of evenly spaced test images, as many draws of the prior, or midpoints of the pairs."""

    def __init__(self, survey: Survey, name: str) -> None:
        self.survey, self.name = survey, name

    @cached_property
    def y(self) -> Tensor:
        """Their coordinates, (points, coordinates), float64."""
        model, codes, manifold = self.survey.model, self.survey.codes, self.survey.manifold
        chosen = evenly(self.survey.settings.points, len(codes))
        if self.name == "test":
            return manifold.coordinates(codes[chosen].double())
        if self.survey.discrete:
            raise Missing(DISCRETE)
        if self.name == "midpoint":
            a, b = (manifold.coordinates(end.double()) for end in self.survey.ends)
            return manifold.coordinates(manifold.latents(0.5 * (a + b)))
        if model.prior is None:
            raise Missing("it has no prior")
        with random.stream(torch.tensor(random.key(self.survey.seed, "survey"), device=codes.device)):
            return manifold.coordinates(model.prior(model.encoder).rsample(chosen.shape).double())

    @cached_property
    def singular_values(self) -> Tensor:
        """Of the decoder's Jacobian along the manifold's frame, (points, dimension), float64, descending."""
        return self.survey.metric.singular_values(self.y, self.survey.manifold.frame(self.y))

    @cached_property
    def scale(self) -> Tensor:
        """$c^2$, the mean squared singular value."""
        return self.singular_values.square().mean()

    @cached_property
    def curved(self) -> MetricTensor:
        """The metric, made regular where there are more coordinates than dimensions."""
        manifold, pulled = self.survey.manifold, self.survey.metric
        if manifold.dimension < 2:
            raise Missing("curvature needs two active latent directions, and there is one")
        if any(isinstance(layer, nn.ReLU) for layer in self.survey.model.decoder.modules()):
            raise Missing("its decoder is piecewise linear (ReLU) and has no curvature")
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

    def finite(self, value: Tensor) -> float:
        """``value`` as a number; raises `Missing` with the reason where it is not finite."""
        if not value.isfinite():
            raise Missing(scalars.reason(self.singular_values) or "it is not finite anywhere")
        return float(value)
