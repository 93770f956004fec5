"""A point mass: the posterior of a deterministic encoder."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.distributions import Distribution


class Delta(Distribution):
    """All mass at ``point``, shape (batch, ...); it has samples and a mean, and no density."""

    has_rsample = True

    def __init__(self, point: Tensor, event_dims: int = 1) -> None:
        self.point = point
        super().__init__(point.shape[:-event_dims], point.shape[-event_dims:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.point

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.point.expand(*sample_shape, *self.point.shape)
