"""Multilayer perceptron of gated layers, the network of the VampPrior's paper.

Tomczak and Welling 2018, https://arxiv.org/abs/1705.07120, section 5.2; the gate is that of Dauphin et al. 2017,
https://arxiv.org/abs/1612.08083.
"""

from itertools import pairwise

from torch import Tensor, nn

from vaebench.model.networks.mlp import mlp
from vaebench.study.ranges import Widths


class gated_mlp(mlp):
    """Hidden layers (A x + a) * sigmoid(B x + b) of the given widths, from the image inwards."""

    def __init__(self, image: tuple[int, int, int], *, hidden: Widths = (300, 300)) -> None:
        super().__init__(image, hidden=hidden)

    def layers(self, widths: tuple[int, ...]) -> list[nn.Module]:
        """Gated layers between consecutive widths."""
        return [Gated(inputs, outputs) for inputs, outputs in pairwise(widths)]


class Gated(nn.Module):
    """A linear layer whose outputs pass as far as a second one opens their gates."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.value, self.gate = nn.Linear(inputs, outputs), nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.value(x) * self.gate(x).sigmoid()
