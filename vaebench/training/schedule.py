"""Where training stands: the counter of steps, and what follows from it. All of it lives on the device."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaebench import random
from vaebench.model.objectives.schedule import ramp

if TYPE_CHECKING:
    from vaebench.study.config import Training


class Schedule:
    """The steps of runs side by side over ``images`` images, counted in ``time``, a 0-d int64 tensor.

    ``keys`` (runs,) are those of the order in which each run sees the images.
    """

    def __init__(self, training: Training, images: int, keys: Tensor) -> None:
        self.training, self.images, self.keys = training, images, keys
        self.steps = math.ceil(images / training.batch_size)  # of an epoch
        self.time = torch.zeros((), dtype=torch.int64, device=keys.device)
        self.order = torch.zeros(len(keys), images, dtype=torch.int64, device=keys.device)

    def begin(self, epoch: int) -> None:
        """Stand before an epoch's first step, the images in that epoch's order."""
        self.time.fill_(epoch * self.steps)
        for row, key in zip(self.order, self.keys, strict=True):
            row.copy_(random.permutation(random.fold(key, epoch), self.images))

    def sizes(self) -> list[int]:
        """Number of images in each batch of an epoch; the last may be smaller."""
        size = self.training.batch_size
        return [min(size, self.images - start) for start in range(0, self.images, size)]

    def chosen(self, size: int) -> Tensor:
        """Which images make the batch of this step, (runs, size)."""
        start = self.place * self.training.batch_size
        return self.order[:, start + torch.arange(size, device=self.order.device)]

    @property
    def place(self) -> Tensor:
        """Which step of its epoch this is, (1,)."""
        return self.time.reshape(1) % self.steps

    @property
    def progress(self) -> Tensor:
        """Fraction of the training steps done, 0-d."""
        return self.time.to(torch.float32) / (self.steps * self.training.epochs)

    @property
    def rate(self) -> float | Tensor:
        """Learning rate of this step, a 0-d tensor if it moves."""
        if self.training.schedule == "cosine":
            return self.training.learning_rate * 0.5 * (1 + (math.pi * self.progress).cos())
        return self.training.learning_rate

    @property
    def weight(self) -> Tensor | None:
        """Weight of the rate in this step, which grows linearly to 1 over the epochs of warm-up, 0-d; None without."""
        training = self.training
        return ramp(self.progress, training.warmup / training.epochs) if training.warmup else None

    def advance(self) -> None:
        """Count a step."""
        self.time.add_(1)
