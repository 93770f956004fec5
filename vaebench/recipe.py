"""What a model is made of, by name: enough to build it again, and kept inside every file of weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import safetensors.torch
from msgspec import Struct
from safetensors import SafetensorError, safe_open

from . import catalogue
from .errors import VaebenchError
from .files import write
from .flavour import Flavour
from .model import VAE
from .parts import Design

if TYPE_CHECKING:
    from .config import Cell

Choice = tuple[str, dict[str, Any]]


class Recipe(Struct, frozen=True):
    """Names and hyperparameters of the parts, the latent size, and the image's (channels, height, width)."""

    flavour: Choice
    network: Choice
    likelihood: Choice
    latent: int
    image: tuple[int, int, int]

    @classmethod
    def of(cls, cell: Cell, image: tuple[int, int, int]) -> Recipe:
        """The recipe of a cell's models for images of this shape."""
        return cls(cell.objective, cell.network, cell.likelihood, cell.latent, image)

    @property
    def objective(self) -> Flavour:
        """The flavour itself."""
        return catalogue.load("flavours", self.flavour[0])

    @property
    def design(self) -> Design:
        """What the flavour builds its parts from."""
        network, family = catalogue.load("networks", self.network[0]), catalogue.load("likelihoods", self.likelihood[0])
        return Design(
            self.image, self.latent, network(self.image, **self.network[1]), lambda: family(**self.likelihood[1])
        )

    def build(self, seed: int) -> VAE:
        """A fresh model; its weights are a function of the seed."""
        model = self.objective.initial(self.design, self.flavour[1], seed)
        model.recipe = self
        return model


def save(model: VAE, path: str | Path) -> None:
    """Write a model that a recipe built, and the recipe, to one safetensors file; raises `VaebenchError`."""
    if model.recipe is None:
        raise VaebenchError(f"{path}: the model has no recipe to save: build it by name")
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    write(path, safetensors.torch.save(tensors, {"vaebench": msgspec.json.encode(model.recipe).decode()}))


def load(path: str | Path) -> VAE:
    """The model in a file that `save` wrote, on the CPU; raises `VaebenchError`."""
    try:
        with safe_open(path, "pt") as file:
            recipe = msgspec.json.decode(file.metadata()["vaebench"], type=Recipe)
        model = recipe.build(seed=0)
        model.load_state_dict(safetensors.torch.load_file(path))
    except (OSError, SafetensorError, RuntimeError, TypeError, KeyError, msgspec.MsgspecError, VaebenchError) as error:
        reason = " ".join(str(error).split())
        raise VaebenchError(f"{path}: cannot be read as a model ({reason}): save or train it again") from None
    return model.eval()
