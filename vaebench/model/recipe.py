"""What a model is made of and made for: enough to build it again and use it right, kept in every file of weights."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from vaebench.errors import VaebenchError
from vaebench.files import packed, reading, unpacked, write
from vaebench.model.flavour import Flavour
from vaebench.model.parts.design import Design
from vaebench.model.parts.ensemble import Ensembled
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Cell, Choice, Convention, Scale, suit


class Recipe(Struct, frozen=True):
    """Choices of the parts, the latent size, the seed, and the contract with data.

    ``image`` is (channels, height, width). Its values lie in [0, 1] on the ``scale`` "unit" and anywhere on "real", and
    the model observes them by the ``convention``. ``data`` is the checksum of what it was trained on, "" if nothing.
    Of several ``decoders`` that share the posterior the first is the model's (`vaebench.model.parts.ensemble`).
    """

    objective: Choice
    network: Choice
    likelihood: Choice
    latent: int
    image: tuple[int, int, int]
    convention: Convention
    scale: Scale
    data: str
    seed: int
    decoders: int = 1

    @classmethod
    def of(
        cls, cell: Cell, image: tuple[int, int, int], *, scale: Scale = "unit", data: str = "", seed: int = 0
    ) -> Recipe:
        """The recipe of a cell's model; raises `VaebenchError` if its likelihood or convention is not of the scale."""
        suit(cell.likelihood.name, cell.convention, scale)
        parts = cell.objective, cell.network, cell.likelihood
        return cls(*parts, cell.latent, image, cell.convention, scale, data, seed, cell.training.decoders)

    @property
    def flavour(self) -> Flavour:
        """What the objective names."""
        return catalogue.load("flavours", self.objective.name)

    @property
    def design(self) -> Design:
        """What the flavour builds its parts from."""
        network = catalogue.load("networks", self.network.name)(self.image, **self.network.settings)
        if self.decoders > 1:
            network = Ensembled(network, self.decoders)
        family = catalogue.load("likelihoods", self.likelihood.name)
        return Design(self.image, self.latent, network, lambda: family(**self.likelihood.settings))

    def build(self) -> VAE:
        """A fresh model; its weights are a function of the seed."""
        model = self.flavour.initial(self.design, self.objective.settings, self.seed)
        model.recipe = self
        return model


def save(model: VAE, recipe: Recipe | None, path: str | Path) -> None:
    """Write a model, and the recipe that built it, to one safetensors file; raises `VaebenchError`."""
    if recipe is None:
        raise VaebenchError(f"{path}: the model has no recipe to save: build it by name")
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    write(path, packed(tensors, msgspec.to_builtins(recipe)))


def load(path: str | Path) -> VAE:
    """The model in a file that `save` wrote, on the CPU; raises `VaebenchError`."""
    mend = "save or train it again"
    with reading(path, "a model", mend):
        facts, tensors = unpacked(path)
        recipe = msgspec.convert(facts, Recipe)
        try:
            model = recipe.build()
        except VaebenchError as error:
            raise VaebenchError(f"{path}: cannot be read as a model ({error}): {mend}") from None
        model.load_state_dict(tensors)
    return model.eval()
