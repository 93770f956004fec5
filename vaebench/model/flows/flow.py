"""A transform, and how transforms make another: one after the other, or the other way round."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

Moved = tuple[Tensor, Tensor]


class Flow(nn.Module):
    """A transform; one that defines no ``inverse`` has none in closed form."""

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Moved:
        raise NotImplementedError(
            f"{type(self).__name__} has no inverse in closed form: only the last draw has a density"
        )


class Chain(Flow):
    """Transforms one after the other, all given the same context."""

    def __init__(self, *transforms: Flow) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def forward(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return _through(self.transforms, z, context)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return _through([transform.inverse for transform in reversed(self.transforms)], z, context)


def _through(maps: Iterable[Any], z: Tensor, context: Tensor | None) -> Moved:
    total = torch.zeros_like(z[..., 0])
    for step in maps:
        z, volume = step(z, context)
        total = total + volume
    return z, total


class Inverted(Flow):
    """A transform the other way round."""

    def __init__(self, transform: Flow) -> None:
        super().__init__()
        self.transform = transform

    def forward(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return self.transform.inverse(z, context)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return self.transform(z, context)
