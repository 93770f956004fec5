"""A flavour is a loss that returns named terms; what else it needs is declared beside it.

>>> @flavour()
... def beta_vae(vae, x, *, beta: NonNegative = 4.0):
...     draw = vae(x)
...     return {"distortion": -draw.log_px, "rate": beta * draw.kl}

The loss is the sum of the terms, each per example (batch,) or a scalar, in nats. Keyword-only arguments with a default
are hyperparameters; those without one are facts that the trainer knows (`FACTS`). ``x`` is images (batch, channels,
height, width) or, for denoising, a pair (input, target) of them: a loss only hands it to ``vae``, and looks at
``draw.x``. A loss that moves buffers returns ``(terms, {"encoder.counts": value})``, their new values by name.

Of the epochs' weights those are kept whose loss on the validation images is least. Where the losses of two epochs do
not compare, as those that a critic has a part in, a flavour declares another `Flavour.criterion`, or keeps the last.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vaebench import random
from vaebench.model.parts.decoders import NetworkDecoder
from vaebench.model.parts.design import Design
from vaebench.model.parts.encoders import GaussianEncoder
from vaebench.model.parts.priors import NormalPrior
from vaebench.model.vae import VAE, Images
from vaebench.study.naming import metric_name

Terms = dict[str, Tensor]
Updates = dict[str, Tensor]
Loss = Callable[..., Terms | tuple[Terms, Updates]]
Hook = Callable[..., None]
Build = Callable[..., nn.Module]
Keeps = Literal["best", "last"]
DEFAULTS: dict[str, Build | None] = {
    "encoder": GaussianEncoder,
    "prior": NormalPrior,
    "decoder": NetworkDecoder,
    "posterior": None,
}
FACTS = {
    "progress": "fraction of the training steps done, a 0-d tensor; 1 at validation, where vae.training is False",
    "n_data": "number of training images",
    "grey": "the batch's images before binarisation, (batch, channels, height, width) in [0, 1]",
}


class Flavour:
    """A game: each player minimises the sum of its own terms over the parts it owns.

    The first player owns every part that no other player does; players move in the order of their declaration.
    """

    def __init__(self, loss: Loss, parts: Mapping[str, Build | None], keeps: Keeps = "best") -> None:
        self.name, self.keeps = loss.__name__, keeps
        self.players: dict[str, Loss] = {"model": loss}
        self.compared = loss
        self.parts: dict[str, Build | None] = {**DEFAULTS, **parts}
        self.hooks: dict[str, Hook] = {}
        self.defaults = {
            name: argument.default
            for name, argument in inspect.signature(loss).parameters.items()
            if argument.kind is argument.KEYWORD_ONLY and argument.default is not argument.empty
        }

    def player(self, part: str) -> Callable[[Loss], Loss]:
        """Declare that ``part`` has an optimiser and a loss of its own."""
        return lambda loss: self.players.setdefault(part, loss)

    def criterion(self, loss: Loss) -> Loss:
        """Declare the loss by which epochs are compared on the validation images, in place of the first player's."""
        self.compared = loss
        return loss

    @property
    def selection(self) -> str:
        """Which epoch's weights are kept, in words."""
        if self.keeps == "last":
            return "last epoch"
        own = self.compared is self.players["model"]
        return f"least {'loss' if own else metric_name(self.compared.__name__)} on validation images"

    def begin(self, hook: Hook) -> Hook:
        """Declare what sets weights and buffers before training, given all training images as one batch."""
        return self.hooks.setdefault("begin", hook)

    def finish(self, hook: Hook) -> Hook:
        """Declare what sets buffers after training, given all training images as one batch."""
        return self.hooks.setdefault("finish", hook)

    @torch.no_grad()
    def call(self, when: str, vae: VAE, images: Tensor, hyper: Mapping[str, Any]) -> None:
        """Run the hook ``begin`` or ``finish``, if declared."""
        if hook := self.hooks.get(when):
            hook(vae, images, **_named(hook, self.defaults | dict(hyper)))

    def build(self, design: Design, hyper: Mapping[str, Any] | None = None) -> VAE:
        """A model with fresh weights; a part's builder receives the hyperparameters that it names."""
        hyper = self.defaults | dict(hyper or {})
        return VAE(**{name: part and part(design, **_named(part, hyper)) for name, part in self.parts.items()})

    def initial(self, design: Design, hyper: Mapping[str, Any], seed: int) -> VAE:
        """A model whose weights are a function of the seed, the same on every device."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(random.key(seed, "initialisation"))
            return self.build(design, hyper)

    def needs(self, fact: str) -> bool:
        """Whether a loss names this one of `FACTS`."""
        return any(fact in _arguments(loss) for loss in (*self.players.values(), self.compared))

    def terms(self, player: str, vae: VAE, x: Images, known: Mapping[str, Any]) -> tuple[Terms, Updates]:
        """Terms of a player's loss, or of the ``criterion``, at ``x``, and new values of buffers.

        ``known`` holds hyperparameters and facts.
        """
        loss = self.compared if player == "criterion" else self.players[player]
        result = loss(vae, x, **_named(loss, known))
        return result if isinstance(result, tuple) else (result, {})

    def owned(self, player: str, parameters: list[str]) -> list[str]:
        """Of the model's parameter names, those that a player moves."""
        others = tuple(f"{part}." for part in self.players if part != "model")
        if player == "model":
            return [name for name in parameters if not name.startswith(others)]
        return [name for name in parameters if name.startswith(f"{player}.")]


def flavour(*, keeps: Keeps = "best", **parts: Build | None) -> Callable[[Loss], Flavour]:
    """Make a loss a flavour; ``parts`` replace (``prior=None`` removes) or add to encoder, prior and decoder.

    ``keeps`` says whether the weights of the best epoch or of the last are kept.
    """
    return lambda loss: Flavour(loss, parts, keeps)


def _named(function: Callable[..., Any], known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: known[name] for name in _arguments(function) if name in known}


@functools.cache
def _arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)
