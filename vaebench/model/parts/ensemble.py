"""Several decoders of one posterior, for a metric of the latent space that knows where they are unsure."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from vaebench.model.parts.design import Network


class Ensemble(nn.Module):
    """Networks alike but for their weights, latents (..., batch, latent) to (..., batch, channels, height, width).

    In training each decodes an equal share of a batch, which is shuffled anew in every epoch, so that a loss of single
    images is an unbiased estimate of its mean over the networks. At any other time there is one, the ``shown``.
    """

    def __init__(self, members: list[nn.Module]) -> None:
        super().__init__()
        self.members, self.shown = nn.ModuleList(members), 0

    def forward(self, z: Tensor) -> Tensor:
        if not self.training:
            return self.members[self.shown](z)
        shares = zip(self.members, z.tensor_split(len(self.members), -2), strict=True)
        return torch.cat([member(share) for member, share in shares], -4)  # of no image, too: a gradient of 0


class Ensembled:
    """A network whose decoder is an ensemble of ``decoders``."""

    def __init__(self, network: Network, decoders: int) -> None:
        self.network, self.decoders = network, decoders

    def encoder(self, outputs: int) -> nn.Module:
        return self.network.encoder(outputs)

    def decoder(self, latent: int, channels: int) -> nn.Module:
        return Ensemble([self.network.decoder(latent, channels) for _ in range(self.decoders)])


def members(decoder: nn.Module) -> list[nn.Module]:
    """A decoder of which an ensemble is a part, once for each of its members; itself alone without an ensemble."""
    counts = [len(part.members) for part in decoder.modules() if isinstance(part, Ensemble)]
    return [_showing(decoder, number) for number in range(max(counts))] if counts else [decoder]


def _showing(decoder: nn.Module, number: int) -> nn.Module:
    shown = copy.deepcopy(decoder)
    for part in shown.modules():
        if isinstance(part, Ensemble):
            part.shown = number
    return shown
