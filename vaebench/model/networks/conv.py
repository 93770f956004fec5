"""Strided convolutions, as in the beta-VAE papers: 4x4 kernels of stride 2, then one dense layer.

Burgess et al. 2018, https://arxiv.org/abs/1804.03599, appendix A. Images are padded with zeros to a side that the
strides divide (28 to 32); the decoder's border is cropped away again.
"""

from itertools import pairwise
from math import prod

import torch.nn.functional as F
from torch import Tensor, nn

from vaebench.errors import VaebenchError
from vaebench.model.networks import ACTIVATIONS, dense
from vaebench.study.ranges import Activation, Channels, Count


class conv:
    """One stride-2 convolution per entry of ``channels``, from the image inwards; tables are refused."""

    def __init__(
        self,
        image: tuple[int, int, int],
        *,
        channels: Channels = (32, 32, 64, 64),
        hidden: Count = 256,
        activation: Activation = "silu",
    ) -> None:
        if image[1:] == (1, 1):
            raise VaebenchError(f"network 'conv': data of {image[0]} features are no images: take mlp")
        self.image, self.channels, self.hidden, self.activation = image, tuple(channels), hidden, activation
        stride = 2 ** len(channels)
        padded = [-(-side // stride) * stride for side in image[1:]]
        extra = [side - inner for side, inner in zip(padded, image[1:], strict=True)]
        top, left = (amount // 2 for amount in extra)
        self.margin = left, extra[1] - left, top, extra[0] - top
        self.core = channels[-1], padded[0] // stride, padded[1] // stride

    def encoder(self, outputs: int) -> nn.Module:
        """Maps (..., channels, height, width) to (..., outputs)."""
        steps = zip((self.image[0], *self.channels), self.channels, strict=False)
        layers = [layer for a, b in steps for layer in (nn.Conv2d(a, b, 4, 2, 1), ACTIVATIONS[self.activation]())]
        head = dense((prod(self.core), self.hidden), self.activation)
        return Batched(Padded(self.margin), *layers, nn.Flatten(), *head, nn.Linear(self.hidden, outputs), inner=3)

    def decoder(self, latent: int, channels: int) -> nn.Module:
        """Maps (..., latent) to (..., channels, height, width)."""
        head = dense((latent, self.hidden, prod(self.core)), self.activation)
        widths = (*reversed(self.channels), channels)
        layers = [
            layer
            for a, b in pairwise(widths)
            for layer in (nn.ConvTranspose2d(a, b, 4, 2, 1), ACTIVATIONS[self.activation]())
        ]
        crop = Padded(tuple(-side for side in self.margin))
        return Batched(*head, nn.Unflatten(-1, self.core), *layers[:-1], crop, inner=1)


class Batched(nn.Sequential):
    """Layers that take one batch axis, given any number of them; ``inner`` axes belong to one example."""

    def __init__(self, *layers: nn.Module, inner: int) -> None:
        super().__init__(*layers)
        self.inner = inner

    def forward(self, value: Tensor) -> Tensor:
        result = super().forward(value.reshape(-1, *value.shape[-self.inner :]))
        return result.reshape(*value.shape[: -self.inner], *result.shape[1:])


class Padded(nn.Module):
    """Adds a border of zeros: (left, right, top, bottom); a negative border crops."""

    def __init__(self, margin: tuple[int, ...]) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, image: Tensor) -> Tensor:
        return F.pad(image, self.margin)
