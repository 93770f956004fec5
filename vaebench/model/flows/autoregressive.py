"""Transforms whose coordinates move as those of lower degree say: masked autoregressions and couplings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaebench.model.flows.flow import Chain, Flow, Moved

LIMIT, FORGET = 2.0, 2.0


class Masked(nn.Linear):
    """A linear layer of which only the weights in ``mask`` (outputs, inputs) exist."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.to(self.weight.dtype))

    def forward(self, value: Tensor) -> Tensor:
        return F.linear(value, self.weight * self.mask, self.bias)


class Affine(Flow):
    r"""$z_i' = e^{s_i} z_i + m_i$ with $m_i, s_i$ functions of the context and of the coordinates of lower degree.

    Germain et al. 2015, https://arxiv.org/abs/1502.03509 (the masks); $|s_i| < 2$ by a tanh, as Dinh et al. 2017,
    https://arxiv.org/abs/1605.08803. Forwards is one pass of the network, backwards one for each degree. It starts as
    the identity.
    """

    degrees: Tensor
    outputs = 2

    def __init__(self, degrees: Tensor, hidden: Sequence[int], context: int = 0) -> None:
        super().__init__()
        self.register_buffer("degrees", degrees)
        self.passes = int(degrees.max())
        lowest = 0 if context else 1  # units of degree 0 see the context alone
        span = max(self.passes - lowest, 1)
        units = [torch.cat((degrees, torch.zeros(context, dtype=degrees.dtype)))]
        units += [lowest + torch.arange(width) * span // width for width in hidden]
        layers = [layer for a, b in pairwise(units) for layer in (Masked(a <= b[:, None]), nn.SiLU())]
        last = Masked(units[-1] < degrees.repeat(self.outputs)[:, None])
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(*layers, last)

    def move(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Shift and log scale of every coordinate from the network's outputs."""
        shift, log_scale = raw.chunk(2, -1)
        return shift, LIMIT * (log_scale / LIMIT).tanh()

    def _move(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        seen = z if context is None else torch.cat((z, context.expand(*z.shape[:-1], -1)), -1)
        return self.move(self.network(seen))

    def forward(self, z: Tensor, context: Tensor | None = None) -> Moved:
        shift, log_scale = self._move(z, context)
        return z * log_scale.exp() + shift, log_scale.sum(-1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Moved:
        start, log_scale = torch.zeros_like(z), z
        for degree in range(1, self.passes + 1):
            shift, log_scale = self._move(start, context)
            start = torch.where(self.degrees == degree, (z - shift) * (-log_scale).exp(), start)
        return start, -log_scale.sum(-1)


class Gated(Affine):
    r"""$z_i' = \sigma_i z_i + (1 - \sigma_i) m_i$. Kingma et al. 2016, https://arxiv.org/abs/1606.04934, equation 14.

    $\sigma_i$ is a sigmoid of the network's output plus 2, so that the first updates are small.
    """

    def move(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        shift, gate = raw.chunk(2, -1)
        return shift * (-gate - FORGET).sigmoid(), F.logsigmoid(gate + FORGET)


class Additive(Affine):
    r"""$z_i' = z_i + m_i$, which keeps volume. Dinh et al. 2015, https://arxiv.org/abs/1410.8516, section 3.2."""

    outputs = 1

    def move(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        return raw, torch.zeros_like(raw)


class Scaling(Flow):
    """Every coordinate by a factor of its own: the last layer of NICE."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(latent))

    def forward(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return z * self.log_scale.exp(), self.log_scale.sum().expand(z.shape[:-1])

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return z * (-self.log_scale).exp(), -self.log_scale.sum().expand(z.shape[:-1])


def one_by_one(latent: int, layer: int) -> Tensor:
    """Degrees of an autoregression, (latent,): from the first coordinate in one layer, from the last in the next."""
    degrees = torch.arange(1, latent + 1)
    return degrees.flip(0) if layer % 2 else degrees


def by_halves(latent: int, layer: int) -> Tensor:
    """Degrees of a coupling, (latent,): every other coordinate comes first, and the others in the next layer."""
    return (torch.arange(latent) + layer) % 2 + 1


def stacked(
    transform: type[Affine],
    order: Callable[[int, int], Tensor],
    latent: int,
    layers: int,
    hidden: Sequence[int],
    context: int = 0,
) -> Chain:
    """Layers of one kind; ``hidden`` are the widths of each layer's network, ``context`` the features it is given."""
    return Chain(*(transform(order(latent, layer), hidden, context) for layer in range(layers)))
