"""How many points go through a map at a time, so that memory is bounded whatever the network is.

A decoder's layers make more numbers than its image has, a convolution's many times as many: they are counted, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

NUMBERS = 1 << 24  # of all layers in one pass: 128 MB in float64


class _Counted(TorchDispatchMode):
    """Counts the numbers that operations write; another view of what is there writes none."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: so that the first count does not import the compiler, for two seconds, only to leave it out."""
        return False

    def __torch_dispatch__(self, operation: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        result = operation(*arguments, **(named or {}))
        if isinstance(result, Tensor) and not operation.is_view:
            self.numbers += result.numel()
        return result


@torch.no_grad()
def footprint(function: Callable[[Tensor], Any], value: Tensor) -> int:
    """How many numbers a pass through a function makes for each point more like the first of ``value``, at least 1."""
    made = []
    for count in (1, 2):
        points = value[:1].repeat(count, *[1] * (value.dim() - 1))
        with _Counted() as counted:
            function(points)
        made.append(counted.numbers)
    return max(1, made[1] - made[0])


def fitting(numbers: int) -> int:
    """How many points of so many numbers each go through at a time, at least one."""
    return max(1, NUMBERS // numbers)


def parts(z: Tensor, numbers: int) -> Sequence[Tensor]:
    """Latents (points, latent) in parts that fit, each point of so many numbers."""
    return z.split(fitting(numbers))


def joined(values: Iterable[Tensor], count: int) -> Tensor:
    """Values (points, ...) of consecutive parts, in one tensor of ``count`` points.

    It is there before the second part is. Values that were kept one by one would lie where a part has had its room, and
    the next, which finds too little between them, would take more: gigabytes after some hundred parts.
    """
    each = iter(values)
    first = next(each)
    whole = first.new_empty(count, *first.shape[1:])
    whole[: (end := len(first))] = first
    for value in each:
        whole[end : end + len(value)] = value
        end += len(value)
    return whole


@torch.no_grad()
def in_parts(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """Values of a map of latents (points, latent) at latents (..., latent), as many at a time as fit."""
    flat = z.reshape(-1, z.shape[-1])
    values = joined(map(function, parts(flat, footprint(function, flat))), len(flat))
    return values.reshape(*z.shape[:-1], *values.shape[1:])
