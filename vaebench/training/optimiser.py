"""Adam (Kingma & Ba 2014, https://arxiv.org/abs/1412.6980) for runs side by side, each of which can stand still."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam

BETAS, EPSILON = (0.9, 0.999), 1e-8
FAR = 1e30  # a gradient that moves nothing: its square is infinite, and so is the second moment that divides the first


class Adam:
    """Moves named parameters of ``state``, each (runs, ...), in place, and keeps the moments of their gradients.

    A fused call moves one run, which its ``moves`` (runs,) count, and leaves the moments of one that stands still; or,
    ``together``, one call moves all: ``moves`` are those of runs that do not stand still, and moments of others mean
    nothing more. That is the default on a GPU, which the numbers of one run do not keep busy; a CPU copies less apart.
    """

    def __init__(self, state: dict[str, Tensor], names: list[str], together: bool | None = None) -> None:
        self.names = names
        self.first, self.second = ({name: torch.zeros_like(state[name]) for name in names} for _ in range(2))
        runs = len(state[names[0]]) if names else 0
        gpu = runs > 1 and state[names[0]].device.type != "cpu"
        self.together = gpu if together is None else together
        counts = {name: torch.zeros(() if self.together else runs, device=state[name].device) for name in names}
        self.moves = {name: count.expand(runs) for name, count in counts.items()}
        groups = (state, self.first, self.second, counts)
        if self.together:
            self.gradients = [torch.zeros_like(state[name]) for name in names]
            self.far = torch.full((), FAR, device=state[names[0]].device)
            self.slots = [[[group[name] for name in names] for group in groups]]
        else:
            self.slots = [[[group[name][run] for name in names] for group in groups] for run in range(runs)]

    def move(self, gradients: list[Tensor], rate: float | Tensor, active: Tensor) -> None:
        """A step of every run that is ``active`` (runs,), given the gradients (runs, ...) in the order of the names."""
        parts = self._whole(gradients, active) if self.together else self._apart(gradients, active)
        for (own, stands), (parameters, first, second, moves) in zip(parts, self.slots, strict=True):
            adam(
                parameters,
                own,
                first,
                second,
                [],
                moves,
                fused=True,
                found_inf=stands,
                amsgrad=False,
                beta1=BETAS[0],
                beta2=BETAS[1],
                lr=rate,
                weight_decay=0.0,
                eps=EPSILON,
                maximize=False,
            )

    def _apart(self, gradients: list[Tensor], active: Tensor) -> Iterable[tuple[list[Tensor], Tensor | None]]:
        """Each run's gradients, and whether it stands still."""
        # The fused CPU kernel reads storage in order, so a gradient must have the layout of its parameter.
        apart = zip(*(gradient.contiguous().unbind() for gradient in gradients), strict=True)
        return zip(map(list, apart), (~active).to(torch.float32).unbind(), strict=True)

    def _whole(self, gradients: list[Tensor], active: Tensor) -> Iterable[tuple[list[Tensor], Tensor | None]]:
        """The gradients of all runs, in the layout of their parameters; `FAR` where a run stands still."""
        for own, gradient in zip(self.gradients, gradients, strict=True):
            moving = active.reshape(-1, *[1] * (gradient.dim() - 1))
            torch.where(moving, gradient, self.far, out=own)
        return [(self.gradients, None)]
