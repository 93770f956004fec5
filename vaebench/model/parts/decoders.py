"""Decoders: latents (..., latent) to a distribution of images (..., channels, height, width)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.distributions import Distribution

from vaebench.model.parts.design import Design


class NetworkDecoder(nn.Module):
    r"""$z \mapsto p(x|z)$: a network, then the likelihood."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.likelihood = design.likelihood()
        self.network = design.network.decoder(design.latent, design.image[0] * self.likelihood.features)

    def forward(self, z: Tensor) -> Distribution:
        return self.likelihood(self.network(z))


class MeanDecoder(NetworkDecoder):
    """A decoder of which only the mean image is trained: parameters of the likelihood stay as they start."""

    def __init__(self, design: Design) -> None:
        super().__init__(design)
        self.likelihood.requires_grad_(False)
