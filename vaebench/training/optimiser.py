"""Adam (Kingma & Ba 2014, https://arxiv.org/abs/1412.6980) for runs side by side, each of which can stand still."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.optim.adam import adam

BETAS, EPSILON = (0.9, 0.999), 1e-8


class Adam:
    """Moves named parameters of ``state``, each (runs, ...), in place, and keeps the moments of their gradients."""

    def __init__(self, state: dict[str, Tensor], names: list[str]) -> None:
        self.names = names
        self.first, self.second = ({name: torch.zeros_like(state[name]) for name in names} for _ in range(2))
        self.moves = {name: torch.zeros(len(state[name]), device=state[name].device) for name in names}
        groups = (state, self.first, self.second, self.moves)
        runs = len(state[names[0]]) if names else 0
        self.slots = [[[group[name][run] for name in names] for group in groups] for run in range(runs)]

    def move(self, gradients: list[Tensor], rate: float | Tensor, active: Tensor) -> None:
        """A step of every run that is ``active`` (runs,), given the gradients (runs, ...) in the order of the names."""
        halt = (~active).to(torch.float32).unbind()
        # The fused CPU kernel reads storage in order, so a gradient must have the layout of its parameter.
        apart = zip(*(gradient.contiguous().unbind() for gradient in gradients), strict=True)
        for own, stands, (parameters, first, second, moves) in zip(apart, halt, self.slots, strict=True):
            adam(
                parameters,
                list(own),
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
