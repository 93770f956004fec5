"""Architectures: each file's class builds an encoder's and a decoder's network from the shape of the images.

Activations are smooth by default, because the curvature of the latent space needs a decoder with two derivatives.
"""

from itertools import pairwise

from torch import nn

ACTIVATIONS = {"silu": nn.SiLU, "gelu": nn.GELU, "tanh": nn.Tanh, "softplus": nn.Softplus, "relu": nn.ReLU}


def dense(widths: tuple[int, ...], activation: str) -> list[nn.Module]:
    """Linear layers between consecutive widths, each followed by the activation."""
    return [
        layer
        for inputs, outputs in pairwise(widths)
        for layer in (nn.Linear(inputs, outputs), ACTIVATIONS[activation]())
    ]
