"""Models of one flavour side by side in one program: the stack of their weights, and a loss of all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from vaebench import random
from vaebench.data.binarisation import binarise, scaled
from vaebench.errors import VaebenchError
from vaebench.model.flavour import Flavour
from vaebench.model.vae import VAE, Images

State = dict[str, Tensor]
Batch = dict[str, Tensor]  # what is "observed" of some images and, for a loss that names it, their "grey" values


class Stack:
    """``models`` with every parameter and buffer stacked along a first axis, in ``state``: (runs, ...).

    A stack of one runs the flavour's code as it stands; a wider one runs it under `torch.func.vmap`. ``leaves`` are
    what autograd sees, in the memory of ``state``: the stack or, of a single model, its own tensors.
    """

    def __init__(self, flavour: Flavour, hyper: Mapping[str, Any], models: list[VAE]) -> None:
        self.flavour, self.hyper = flavour, {**flavour.defaults, **hyper}
        self.model, self.width = models[0], len(models)
        self.trained = [name for name, parameter in self.model.named_parameters() if parameter.requires_grad]
        self.owned = {player: flavour.owned(player, self.trained) for player in flavour.players}
        states = [model.state_dict() for model in models]
        self.state: State = {name: torch.stack([state[name] for state in states]) for name in states[0]}
        self.leaves = self._attach()

    def _attach(self) -> State:
        if self.width > 1:
            return {name: value.detach().requires_grad_(name in self.trained) for name, value in self.state.items()}
        for name, parameter in self.model.named_parameters():
            parameter.data = self.state[name][0]
        for name, _ in list(self.model.named_buffers()):
            owner, _, last = name.rpartition(".")
            setattr(self.model.get_submodule(owner), last, self.state[name][0])
        return dict(self.model.state_dict(keep_vars=True))

    def terms(
        self,
        player: str,
        images: Batch,
        facts: Mapping[str, Any],
        noise: Tensor,
        pixels: Tensor | None = None,
        masking: float = 0.0,
        weight: Tensor | None = None,
    ) -> tuple[Tensor, State, State]:
        """Total and terms of a player, each a mean over the batch (runs,), and new values of buffers (runs, ...).

        ``images`` are bytes, (batch, channels, height, width), or (runs, batch, ...) where each run has its own;
        ``noise`` (runs,) are keys of all that the loss draws, ``pixels`` (runs,) those of binarisation, if any;
        ``weight``, 0-d, multiplies the model's rate. Raises `VaebenchError` if it has none.
        """

        def single(state: State, images: Batch, noise: Tensor, pixels: Tensor | None) -> tuple[Tensor, State, State]:
            observed = images["observed"]
            target = scaled(observed if pixels is None else binarise(observed, random.Stream(pixels)))
            known = {**self.hyper, **facts}
            if "grey" in images:
                known["grey"] = scaled(images["grey"])
            with random.stream(noise):
                x = (target * (random.uniform(target.shape, target) >= masking), target) if masking else target
                if self.width == 1:
                    terms, updates = self.flavour.terms(player, self.model, x, known)
                else:
                    weights = {f"vae.{name}": value for name, value in state.items()}
                    terms, updates = functional_call(_Terms(self.model, self.flavour, player), weights, (x, known))
            means = {name: term.mean() for name, term in terms.items()}
            if weight is not None and player == "model":
                means["rate"] = weight * self._rate(means)
            updates = {name: value.detach() for name, value in updates.items()}
            return sum(means.values(), torch.zeros((), device=target.device)), means, updates

        own = images["observed"].dim() == 5
        if self.width == 1:
            images = {name: some[0] for name, some in images.items()} if own else images
            total, terms, updates = single(self.leaves, images, noise[0], None if pixels is None else pixels[0])
            return (
                total[None],
                {name: term[None] for name, term in terms.items()},
                {name: value[None] for name, value in updates.items()},
            )
        axes = 0, dict.fromkeys(images, 0 if own else None), 0, None if pixels is None else 0
        return vmap(single, in_dims=axes)(self.leaves, images, noise, pixels)

    def _rate(self, means: State) -> Tensor:
        if "rate" not in means:
            raise VaebenchError(
                f"training: warmup: the loss of '{self.flavour.name}' has no rate to be warmed up: leave it out"
            )
        return means["rate"]

    def gradients(self, player: str, total: Tensor) -> list[Tensor]:
        """Of a player's ``total`` (runs,) in the parameters that it owns, each (runs, ...)."""
        leaves = [self.leaves[name] for name in self.owned[player]]
        found = torch.autograd.grad(total.sum(), leaves)
        return [gradient[None] for gradient in found] if self.width == 1 else list(found)


class _Terms(torch.nn.Module):
    """A player's loss as a module, for `torch.func.functional_call` to run with other weights."""

    def __init__(self, vae: VAE, flavour: Flavour, player: str) -> None:
        super().__init__()
        self.vae, self.flavour, self.player = vae, flavour, player

    def forward(self, x: Images, known: Mapping[str, Any]) -> tuple[State, State]:
        return self.flavour.terms(self.player, self.vae, x, known)


@torch.no_grad()
def add(sums: State, means: State, images: int) -> None:
    """Add to sums over images, in place, the means over so many of them; a new sum starts at 0."""
    for name, mean in means.items():
        if name not in sums:
            sums[name] = torch.zeros_like(mean)
        sums[name].add_(mean * images)
