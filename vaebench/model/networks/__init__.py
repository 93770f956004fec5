"""Architectures: each file's class builds an encoder's and a decoder's network from the shape of the images.

Activations are smooth by default, because the curvature of the latent space needs a decoder with two derivatives.
"""

from itertools import pairwise

from torch import Tensor, nn

from vaebench import random

ACTIVATIONS = {"silu": nn.SiLU, "gelu": nn.GELU, "tanh": nn.Tanh, "softplus": nn.Softplus, "relu": nn.ReLU}


def dense(widths: tuple[int, ...], activation: str) -> list[nn.Module]:
    """Linear layers between consecutive widths, each followed by the activation."""
    return [
        layer
        for inputs, outputs in pairwise(widths)
        for layer in (nn.Linear(inputs, outputs), ACTIVATIONS[activation]())
    ]


class Dropout(nn.Module):
    """Sets values to 0 while training, the others grow by as much: `torch.nn.Dropout` from the run's own noise."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, value: Tensor) -> Tensor:
        if not self.training:
            return value
        return value * (random.uniform(value.shape, value) >= self.share) / (1 - self.share)
