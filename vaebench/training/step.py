"""A step of training as a function of buffers: what it reads and overwrites is the same memory at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from vaebench import random
from vaebench.training.optimiser import Adam
from vaebench.training.schedule import Schedule
from vaebench.training.stack import Batch, Stack, State


class Step:
    """Every player's move on one batch, for all runs of a stack; nothing of it comes back to the host.

    ``images`` are all training images, of which each run sees those that the schedule has chosen; ``noise`` (runs,) and
    ``pixels`` (runs,), if images are binarised anew in every batch, are keys. ``active`` (runs,) tells the runs that
    are still finite, and a run that is not moves no more; ``sums`` are those over images of every term, (runs,).
    ``keys`` are those of an epoch's steps, (steps, runs): of each player's noise, and of binarisation.
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
        self.keys = {name: noise.new_zeros(schedule.steps, stack.width) for name in (*optimisers, "pixels")}

    def begin(self, active: list[bool]) -> None:
        """Stand before an epoch's first step, with these runs active and no sums."""
        self.active.copy_(torch.tensor(active))
        times = self.schedule.time + torch.arange(self.schedule.steps, device=self.noise.device)[:, None]
        noise = random.fold(self.noise, times)
        for index, player in enumerate(self.optimisers):
            self.keys[player].copy_(random.fold(noise, index))
        if self.pixels is not None:
            self.keys["pixels"].copy_(random.fold(self.pixels, times))
        for value in self.sums.values():
            value.zero_()

    def __call__(self, size: int) -> None:
        """The step of a batch of ``size`` images."""
        chosen = self.schedule.chosen(size)
        images = {name: whole[chosen] for name, whole in self.images.items()}
        keys = {name: each.index_select(0, self.schedule.place)[0] for name, each in self.keys.items()}
        pixels = None if self.pixels is None else keys["pixels"]
        facts = {"progress": self.schedule.progress, "n_data": self.schedule.images}
        for player in self.optimisers:
            found = self.stack.terms(player, images, facts, keys[player], pixels, self.masking)
            self._count(player, *found[:2], size)
            self.move(player, *found)
        self.schedule.advance()

    @torch.no_grad()
    def _count(self, player: str, total: Tensor, terms: State, size: int) -> None:
        for name, term in (terms | {"total": total} if player == "model" and terms else terms).items():
            if name not in self.sums:
                self.sums[name] = torch.zeros_like(term)
            self.sums[name].add_(term.detach() * size)

    def move(self, player: str, total: Tensor, _: State, updates: State) -> None:
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
