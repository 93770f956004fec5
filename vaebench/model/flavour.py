"""A flavour is a loss that returns named terms; what else it needs is declared beside it.

>>> @flavour()
... def beta_vae(vae, x, *, beta: NonNegative = 4.0):
...     draw = vae(x)
...     return {"distortion": -draw.log_px, "rate": beta * draw.kl}

The loss is the sum of the terms, each per example (batch,) or a scalar, in nats. Keyword-only arguments with a default
are hyperparameters; those without one are facts that the trainer knows (`FACTS`). ``x`` is images (batch, channels,
height, width) or, for denoising, a pair (input, target) of them: a loss only hands it to ``vae``, and looks at
``draw.x``. A loss that moves buffers returns ``(terms, {"encoder.counts": value})``, their new values by name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vaebench import random
from vaebench.model.parts.decoders import NetworkDecoder
from vaebench.model.parts.design import Design
from vaebench.model.parts.encoders import GaussianEncoder
from vaebench.model.parts.priors import NormalPrior
from vaebench.model.vae import VAE, Images

Terms = dict[str, Tensor]
Updates = dict[str, Tensor]
Loss = Callable[..., Terms | tuple[Terms, Updates]]
Hook = Callable[..., None]
Build = Callable[..., nn.Module]
DEFAULTS: dict[str, Build | None] = {
    "encoder": GaussianEncoder,
    "prior": NormalPrior,
    "decoder": NetworkDecoder,
    "posterior": None,
}
FACTS = {"progress": "fraction of the training steps done, 1 at validation", "n_data": "number of training images"}


class Flavour:
    """A game: each player minimises the sum of its own terms over the parts it owns.

    The first player owns every part that no other player does; players move in the order of their declaration.
    """

    def __init__(self, loss: Loss, parts: Mapping[str, Build | None]) -> None:
        self.name = loss.__name__
        self.players: dict[str, Loss] = {"model": loss}
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

    def terms(self, player: str, vae: VAE, x: Images, known: Mapping[str, Any]) -> tuple[Terms, Updates]:
        """Terms of a player's loss at ``x``, and new values of buffers; ``known`` holds hyperparameters and facts."""
        loss = self.players[player]
        result = loss(vae, x, **_named(loss, known))
        return result if isinstance(result, tuple) else (result, {})

    def owned(self, player: str, parameters: list[str]) -> list[str]:
        """Of the model's parameter names, those that a player moves."""
        others = tuple(f"{part}." for part in self.players if part != "model")
        if player == "model":
            return [name for name in parameters if not name.startswith(others)]
        return [name for name in parameters if name.startswith(f"{player}.")]


def flavour(**parts: Build | None) -> Callable[[Loss], Flavour]:
    """Make a loss a flavour; ``parts`` replace (``prior=None`` removes) or add to encoder, prior and decoder."""
    return lambda loss: Flavour(loss, parts)


def _named(function: Callable[..., Any], known: Mapping[str, Any]) -> dict[str, Any]:
    return {name: known[name] for name in _arguments(function) if name in known}


@functools.cache
def _arguments(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)
