"""A step of training as a function of buffers: what it reads and overwrites is the same memory at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from vaebench import random
from vaebench.training.optimiser import Adam
from vaebench.training.schedule import Schedule
from vaebench.training.stack import Batch, Stack, State, add


class Step:
    """Every player's move on one batch, for all runs of a stack; nothing of it comes back to the host.

    ``images`` are all training images, of which each run sees those that the schedule has chosen; ``noise`` (runs,) and
    ``pixels`` (runs,), if images are binarised anew in every batch, are keys. ``active`` (runs,) tells the runs that
    are still finite, and a run that is not moves no more; ``sums`` are those over images of every term, (runs,).
    ``noises``, by player, and ``bits`` are the keys of an epoch's steps, (steps, runs).
    """

    def __init__(
        self,
        stack: Stack,
        optimisers: dict[str, Adam],
        schedule: Schedule,
        images: Batch,
        noise: Tensor,
        pixels: Tensor | None,
        masking: float,
    ) -> None:
        self.stack, self.optimisers, self.schedule = stack, optimisers, schedule
        self.images, self.noise, self.pixels, self.masking = images, noise, pixels, masking
        self.active = torch.ones(stack.width, dtype=torch.bool, device=noise.device)
        self.sums: State = {}
        self.noises = {player: noise.new_zeros(schedule.steps, stack.width) for player in optimisers}
        self.bits = None if pixels is None else noise.new_zeros(schedule.steps, stack.width)

    def begin(self, active: list[bool]) -> None:
        """Stand before an epoch's first step, with these runs active and no sums."""
        self.active.copy_(torch.tensor(active))
        times = self.schedule.time + torch.arange(self.schedule.steps, device=self.noise.device)[:, None]
        noise = random.fold(self.noise, times)
        for index, keys in enumerate(self.noises.values()):
            keys.copy_(random.fold(noise, index))
        if self.pixels is not None and self.bits is not None:
            self.bits.copy_(random.fold(self.pixels, times))
        for value in self.sums.values():
            value.zero_()

    def __call__(self, size: int) -> None:
        """The step of a batch of ``size`` images."""
        chosen = self.schedule.chosen(size)
        images = {name: whole[chosen] for name, whole in self.images.items()}
        place = self.schedule.place
        pixels = None if self.bits is None else self.bits.index_select(0, place)[0]
        weight = self.schedule.weight
        facts = {"progress": self.schedule.progress, "n_data": self.schedule.images}
        for player, keys in self.noises.items():
            noise = keys.index_select(0, place)[0]
            total, terms, updates = self.stack.terms(player, images, facts, noise, pixels, self.masking, weight)
            add(self.sums, terms | {"total": total} if player == "model" and terms else terms, size)
            self.move(player, total, updates)
        self.schedule.advance()

    def move(self, player: str, total: Tensor, updates: State) -> None:
        """Move what a player owns, if anything, and the buffers that its loss moves, by what `Stack.terms` found."""
        if not self.stack.owned[player]:
            return
        gradients = self.stack.gradients(player, total)
        self.active.logical_and_(total.detach().isfinite())
        with torch.no_grad():
            for name, value in updates.items():
                old = self.stack.state[name]
                moving = self.active.reshape(-1, *[1] * (old.dim() - 1))
                old.copy_(torch.where(moving, value, old))
            self.optimisers[player].move(gradients, self.schedule.rate, self.active)
