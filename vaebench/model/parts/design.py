"""What parts are built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn


class Network(Protocol):
    """What a file of `vaebench.model.networks` provides."""

    def encoder(self, outputs: int) -> nn.Module: ...
    def decoder(self, latent: int, channels: int) -> nn.Module: ...


@dataclass(frozen=True)
class Design:
    """Shape of the images (channels, height, width), latent size, networks and the family of the likelihood."""

    image: tuple[int, int, int]
    latent: int
    network: Network
    likelihood: Callable[[], Any]
