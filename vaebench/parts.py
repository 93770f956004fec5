"""The parts that flavours share, each built from a design: what the images, the latents and the networks are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .distributions.delta import Delta
from .distributions.gaussian import Gaussian
from .networks import dense


class Network(Protocol):
    """What a file of `vaebench.networks` provides."""

    def encoder(self, outputs: int) -> nn.Module: ...
    def decoder(self, latent: int, channels: int) -> nn.Module: ...


@dataclass(frozen=True)
class Design:
    """Shape of the images (channels, height, width), latent size, networks and the family of the likelihood."""

    image: tuple[int, int, int]
    latent: int
    network: Network
    likelihood: Callable[[], Any]


class gaussian_encoder(nn.Module):
    r"""$x \mapsto \mathcal N(\mu(x), \mathrm{diag}\,\sigma(x)^2)$."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.network = design.network.encoder(2 * design.latent)

    def forward(self, x: Tensor) -> Gaussian:
        return Gaussian(*self.network(x).chunk(2, -1))


class point_encoder(nn.Module):
    r"""$x \mapsto \delta_{\mu(x)}$."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.network = design.network.encoder(design.latent)

    def forward(self, x: Tensor) -> Delta:
        return Delta(self.network(x))


class normal_prior(nn.Module):
    r"""$\mathcal N(0, 1)$."""

    zero: Tensor

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(design.latent))

    def forward(self, encoder: nn.Module) -> Gaussian:
        return Gaussian(self.zero, self.zero)


class network_decoder(nn.Module):
    r"""$z \mapsto p(x|z)$: a network, then the likelihood."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.likelihood = design.likelihood()
        self.network = design.network.decoder(design.latent, design.image[0] * self.likelihood.features)

    def forward(self, z: Tensor) -> torch.distributions.Distribution:
        return self.likelihood(self.network(z))


class mean_decoder(network_decoder):
    """A decoder of which only the mean image is trained: parameters of the likelihood stay as they start."""

    def __init__(self, design: Design) -> None:
        super().__init__(design)
        self.likelihood.requires_grad_(False)


class latent_critic(nn.Module):
    """Latents (..., latent) to one logit or score each (...): what adversarial and variational estimators train."""

    def __init__(self, design: Design, *, critic_hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.network = nn.Sequential(*dense((design.latent, *critic_hidden), "relu"), nn.Linear(critic_hidden[-1], 1))

    def forward(self, z: Tensor) -> Tensor:
        return self.network(z).squeeze(-1)


DEFAULTS: dict[str, Callable[[Design], nn.Module] | None] = {
    "encoder": gaussian_encoder,
    "prior": normal_prior,
    "decoder": network_decoder,
    "posterior": None,
}
