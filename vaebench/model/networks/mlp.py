"""Multilayer perceptron; the decoder mirrors the encoder."""

from math import prod

from torch import nn

from vaebench.model.networks import dense
from vaebench.study.ranges import Activation, Widths


class mlp:
    """Hidden layers of the given widths, from the image inwards."""

    def __init__(
        self, image: tuple[int, int, int], *, hidden: Widths = (512, 256), activation: Activation = "silu"
    ) -> None:
        self.image, self.hidden, self.activation = image, tuple(hidden), activation

    def encoder(self, outputs: int) -> nn.Module:
        """Maps (..., channels, height, width) to (..., outputs)."""
        widths = (prod(self.image), *self.hidden)
        return nn.Sequential(nn.Flatten(-3), *self.layers(widths), nn.Linear(widths[-1], outputs))

    def decoder(self, latent: int, channels: int) -> nn.Module:
        """Maps (..., latent) to (..., channels, height, width)."""
        shape = channels, *self.image[1:]
        widths = (latent, *reversed(self.hidden))
        last = nn.Linear(widths[-1], prod(shape))
        return nn.Sequential(*self.layers(widths), last, nn.Unflatten(-1, shape))

    def layers(self, widths: tuple[int, ...]) -> list[nn.Module]:
        """Hidden layers between consecutive widths."""
        return dense(widths, self.activation)
