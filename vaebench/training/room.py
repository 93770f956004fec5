"""Whether memory holds a model, found out without it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import msgspec
import torch
from torch.overrides import TorchFunctionMode

from vaebench import memory
from vaebench.model.recipe import Recipe
from vaebench.study.config import Choice

COPIES = 6  # of each number in training: the fresh model's, the run's, the best epoch's, its gradient and two moments
MOST = 1000  # looks at values as a model is made
MEND = "take a smaller latent size or network"


def check(recipe: Recipe, what: str, width: int) -> None:
    """Raise `VaebenchError` if memory does not hold the training of a recipe's model, so many runs side by side.

    The VAE of the same networks goes first: parts of other flavours may compute, in memory, as they are made.
    """
    for objective in (Choice.of("flavours", "vae"), recipe.objective):
        numbers = _numbers(msgspec.structs.replace(recipe, objective=objective))
        told = f"{numbers:,}" if math.isfinite(numbers) else "more than 2**63"
        memory.hold(f"{what}: a model of {told} numbers", 4 * numbers * COPIES * width, MEND)


def _numbers(recipe: Recipe) -> float:
    """Of a recipe's model: infinite if beyond counting, 0 if its parts cannot be made without values."""
    try:
        with torch.device("meta"), _Blind():
            return sum(value.numel() for value in recipe.build().state_dict().values())
    except RuntimeError as error:
        return math.inf if "overflow" in str(error) else 0


class _Blind(TorchFunctionMode):
    """Answers 0, or no, where a part looks at a value as it is made: of tensors without values only shapes are true."""

    ANSWERS: ClassVar = {
        torch.Tensor.__bool__: False,
        torch.Tensor.__int__: 0,
        torch.Tensor.__float__: 0.0,
        torch.Tensor.item: 0,
    }

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function not in self.ANSWERS:
            return function(*args, **kwargs or {})
        self.looks += 1
        if self.looks > MOST:
            raise RuntimeError("it waits for a value")
        return self.ANSWERS[function]
