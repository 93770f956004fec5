"""Whether memory holds a model, found out without it."""

from __future__ import annotations

import math

import msgspec
import torch

from vaebench import memory
from vaebench.model.recipe import Recipe
from vaebench.study.config import Choice

COPIES = 6  # of each number in training: the fresh model's, the run's, the best epoch's, its gradient and two moments
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
    """Of a recipe's model: infinite if beyond counting, 0 if its parts look at their values and cannot be counted."""
    try:
        with torch.device("meta"):
            return sum(value.numel() for value in recipe.build().state_dict().values())
    except RuntimeError as error:
        return math.inf if "overflow" in str(error) else 0
