r"""Invertible maps of latents: what flow posteriors and flow priors are made of.

A transform maps latents $z$ (*samples, batch, latent) and a context (batch, features), or None, to $(z', \log|\det
\partial z'/\partial z|)$, the latter in nats, (*samples, batch). Its ``inverse`` does the same for the way back.

Coupling and autoregressive layers are one class: a coordinate moves affinely, as the context and the coordinates of
lower degree say. Degrees 1, 2, 3, ... make a masked autoregression, two degrees a coupling of two halves. The half of
degree 1 moves as the context alone says (elementwise affine; without context by learned constants, as Glow's actnorm),
where NICE and RealNVP keep it. So a single latent needs no special case: it moves as such a half does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .distributions.flowed import Flowed
from .distributions.gaussian import Gaussian
from .parts import Design

LIMIT, FORGET, FLOOR = 2.0, 2.0, 1e-4
Moved = tuple[Tensor, Tensor]


class Flow(nn.Module):
    """A transform; one that defines no ``inverse`` has none in closed form."""

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Moved:
        raise NotImplementedError(
            f"{type(self).__name__} has no inverse in closed form: only the last draw has a density"
        )


class chain(Flow):
    """Transforms one after the other, all given the same context."""

    def __init__(self, *transforms: Flow) -> None:
        super().__init__()
        self.transforms = nn.ModuleList(transforms)

    def forward(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return _through(self.transforms, z, context)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return _through([transform.inverse for transform in reversed(self.transforms)], z, context)


def _through(maps: Iterable[Any], z: Tensor, context: Tensor | None) -> Moved:
    total = torch.zeros_like(z[..., 0])
    for step in maps:
        z, volume = step(z, context)
        total = total + volume
    return z, total


class inverted(Flow):
    """A transform the other way round."""

    def __init__(self, transform: Flow) -> None:
        super().__init__()
        self.transform = transform

    def forward(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return self.transform.inverse(z, context)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Moved:
        return self.transform(z, context)


class amortised(Flow):
    """Layers without weights: all their parameters, of the given sizes, are the context."""

    def __init__(self, layers: int, *sizes: int) -> None:
        super().__init__()
        self.layers, self.sizes, self.features = layers, sizes, layers * sum(sizes)

    def pieces(self, context: Tensor | None) -> tuple[Tensor, ...]:
        """The parameters, (batch, layers, size) each."""
        assert context is not None
        return context.unflatten(-1, (self.layers, -1)).split(self.sizes, -1)


class planar(amortised):
    r"""$z + \hat u \tanh(w^\top z + b)$. Rezende & Mohamed 2015, https://arxiv.org/abs/1505.05770, equation 10.

    As in the paper's appendix A.1, $\hat u$ is $u$ moved along $w$ such that $\hat u^\top w > -1$; our softplus is
    shifted so that $u = 0$ is the identity.
    """

    def __init__(self, latent: int, layers: int) -> None:
        super().__init__(layers, latent, latent, 1)

    def forward(self, z: Tensor, context: Tensor | None = None) -> Moved:
        u, w, b = self.pieces(context)
        reach = (u * w).sum(-1, keepdim=True)
        steepest = FLOOR + F.softplus(reach + math.log(math.expm1(1 - FLOOR)))  # 1 + u_hat' w
        u = u + (steepest - 1 - reach) / w.square().sum(-1, keepdim=True).clamp_min(torch.finfo(w.dtype).tiny) * w
        bends = []
        for u_hat, normal, offset in zip(u.unbind(-2), w.unbind(-2), b.unbind(-2), strict=True):
            bends.append(((normal * z).sum(-1, keepdim=True) + offset).tanh())
            z = z + u_hat * bends[-1]
        flat = torch.cat(bends, -1).square()
        return z, (flat + steepest.squeeze(-1) * (1 - flat)).log().sum(-1)


class radial(amortised):
    r"""$z + \beta (z - z_0) / (\alpha + |z - z_0|)$. Rezende & Mohamed 2015, equation 14 and appendix A.2.

    Its parameters are $z_0$, and $a, b$ with $\alpha = \log(1 + e^a)$ and $\alpha + \beta = \log(1 + e^{a + b}) > 0$,
    so that it is invertible, and the identity at $b = 0$.
    """

    def __init__(self, latent: int, layers: int) -> None:
        super().__init__(layers, latent, 1, 1)

    def forward(self, z: Tensor, context: Tensor | None = None) -> Moved:
        total = torch.zeros_like(z[..., 0])
        for centre, alpha, reach in self._rings(context):
            gap = z - centre
            stretch, volume = self._stretch(alpha, reach, torch.linalg.vector_norm(gap, dim=-1, keepdim=True))
            z, total = centre + stretch * gap, total + volume
        return z, total

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Moved:
        total = torch.zeros_like(z[..., 0])
        for centre, alpha, reach in reversed(self._rings(context)):
            gap = z - centre
            far = torch.linalg.vector_norm(gap, dim=-1, keepdim=True)
            radius = 0.5 * (far - reach + ((far - reach).square() + 4 * alpha * far).sqrt())
            stretch, volume = self._stretch(alpha, reach, radius)
            z, total = centre + gap / stretch, total - volume
        return z, total

    def _rings(self, context: Tensor | None) -> list[tuple[Tensor, Tensor, Tensor]]:
        r"""$z_0$, $\alpha$ and $\alpha + \beta$ of every layer."""
        centre, a, b = self.pieces(context)
        return list(zip(centre.unbind(-2), F.softplus(a).unbind(-2), F.softplus(a + b).unbind(-2), strict=True))

    def _stretch(self, alpha: Tensor, reach: Tensor, radius: Tensor) -> Moved:
        """By how much the distance from the centre grows, and the log volume change."""
        near = alpha + radius
        stretch = (reach + radius) / near
        slope = (alpha * (reach - alpha) / near.square()).log1p()
        return stretch, ((self.sizes[0] - 1) * stretch.log() + slope).squeeze(-1)


class masked(nn.Linear):
    """A linear layer of which only the weights in ``mask`` (outputs, inputs) exist."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.to(self.weight.dtype))

    def forward(self, value: Tensor) -> Tensor:
        return F.linear(value, self.weight * self.mask, self.bias)


class affine(Flow):
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
        layers = [layer for a, b in pairwise(units) for layer in (masked(a <= b[:, None]), nn.SiLU())]
        last = masked(units[-1] < degrees.repeat(self.outputs)[:, None])
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


class gated(affine):
    r"""$z_i' = \sigma_i z_i + (1 - \sigma_i) m_i$. Kingma et al. 2016, https://arxiv.org/abs/1606.04934, equation 14.

    $\sigma_i$ is a sigmoid of the network's output plus 2, so that the first updates are small.
    """

    def move(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        shift, gate = raw.chunk(2, -1)
        return shift * (-gate - FORGET).sigmoid(), F.logsigmoid(gate + FORGET)


class additive(affine):
    r"""$z_i' = z_i + m_i$, which keeps volume. Dinh et al. 2015, https://arxiv.org/abs/1410.8516, section 3.2."""

    outputs = 1

    def move(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        return raw, torch.zeros_like(raw)


class scaling(Flow):
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
    transform: type[affine],
    order: Callable[[int, int], Tensor],
    latent: int,
    layers: int,
    hidden: Sequence[int],
    context: int = 0,
) -> chain:
    """Layers of one kind; ``hidden`` are the widths of each layer's network, ``context`` the features it is given."""
    return chain(*(transform(order(latent, layer), hidden, context) for layer in range(layers)))


class flow_encoder(nn.Module):
    r"""$x \mapsto$ the law of $f(z; h(x))$ for $z \sim \mathcal N(\mu(x), \mathrm{diag}\,\sigma(x)^2)$.

    One network gives $\mu$, $\log\sigma$ and the ``context`` features $h$ of the flow $f$.
    """

    def __init__(self, design: Design, flow: Flow, context: int) -> None:
        super().__init__()
        self.sizes = design.latent, design.latent, context
        self.network = design.network.encoder(sum(self.sizes))
        self.flow = flow

    def forward(self, x: Tensor) -> Flowed:
        mean, log_std, context = self.network(x).split(self.sizes, -1)
        return Flowed(Gaussian(mean, log_std), self.flow, context)
