"""How weights and temperatures move over training, as functions of its ``progress``, a 0-d tensor in [0, 1]."""

import torch
from torch import Tensor


def ramp(progress: Tensor, warmup: float) -> Tensor:
    """Linear from 0 to 1 over the first ``warmup`` of [0, 1], then 1; without warm-up always 1."""
    return torch.where(progress < warmup, progress / warmup if warmup else progress, 1.0)


def cooled(hot: float, cold: float, progress: Tensor) -> Tensor:
    """A temperature that falls exponentially from ``hot`` to ``cold`` over training."""
    return hot * (cold / hot) ** progress
