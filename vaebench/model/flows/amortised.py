"""Transforms without weights, whose parameters are their context: planar and radial ones."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vaebench.model.flows.flow import Flow, Moved

FLOOR = 1e-4


class Amortised(Flow):
    """Layers without weights: all their parameters, of the given sizes, are the context."""

    def __init__(self, layers: int, *sizes: int) -> None:
        super().__init__()
        self.layers, self.sizes, self.features = layers, sizes, layers * sum(sizes)

    def pieces(self, context: Tensor | None) -> tuple[Tensor, ...]:
        """The parameters, (batch, layers, size) each."""
        assert context is not None
        return context.unflatten(-1, (self.layers, -1)).split(self.sizes, -1)


class Planar(Amortised):
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


class Radial(Amortised):
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
