r"""A learned Riemannian metric of the latent space. Chadebec et al. 2020, https://arxiv.org/abs/2010.11518.

$G^{-1}(z) = \sum_i L_i L_i^\top \exp(-\|z - c_i\|^2 / T^2) + \lambda 1$ around centroids $c_i$: the
volume $\sqrt{\det G}$ is large where there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class RiemannianMetric:
    r"""``centroids`` $c_i$ (centroids, latent), ``factors`` $L_i$ (centroids, latent, latent), $T$ and $\lambda$."""

    centroids: Tensor
    factors: Tensor
    width: float
    floor: float

    @cached_property
    def spreads(self) -> Tensor:
        r"""$M_i = L_i L_i^\top$, flat: (centroids, latent * latent)."""
        return (self.factors @ self.factors.mT).flatten(1)

    def __call__(self, z: Tensor) -> Tensor:
        r"""$G(z)$: (..., latent) to (..., latent, latent)."""
        return self.at(z).tensor

    def log_volume(self, z: Tensor) -> Tensor:
        r"""$\frac12 \log\det G(z)$: (..., latent) to (...)."""
        return self.at(z).log_volume

    def at(self, z: Tensor) -> Place:
        """What there is to know at latents (..., latent), computed when asked for, once."""
        return Place(self, z)


@dataclass(frozen=True)
class Place:
    """A metric at latents ``z`` (..., latent); momenta and velocities have the shape of ``z``."""

    metric: RiemannianMetric
    z: Tensor

    @cached_property
    def weights(self) -> Tensor:
        r"""$w_i = \exp(-\|z - c_i\|^2 / T^2)$, (..., centroids)."""
        z, c = self.z, self.metric.centroids
        distance = z.square().sum(-1, keepdim=True) - 2 * z @ c.mT + c.square().sum(-1)
        return (-distance / self.metric.width**2).exp()

    @cached_property
    def inverse(self) -> Tensor:
        r"""$G^{-1}$, (..., latent, latent)."""
        size = self.z.shape[-1]
        learned = (self.weights @ self.metric.spreads).unflatten(-1, (size, size))
        return learned + self.metric.floor * torch.eye(size, dtype=learned.dtype, device=learned.device)

    @cached_property
    def factor(self) -> Tensor:
        r"""Lower triangular $C$ with $C C^\top = G^{-1}$; not a number where rounding has left none."""
        factor, failure = torch.linalg.cholesky_ex(self.inverse)
        return torch.where((failure > 0)[..., None, None], torch.nan, factor)

    @cached_property
    def tensor(self) -> Tensor:
        r"""$G$, (..., latent, latent)."""
        identity = torch.eye(self.z.shape[-1], dtype=self.factor.dtype, device=self.factor.device)
        # Not torch.cholesky_inverse, which on a GPU goes through the batch one by one.
        root = torch.linalg.solve_triangular(self.factor, identity, upper=False)
        return root.mT @ root

    @cached_property
    def log_volume(self) -> Tensor:
        r"""$\frac12 \log\det G$, (...)."""
        return -self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def momentum(self, noise: Tensor) -> Tensor:
        r"""A draw of $\mathcal N(0, G)$ made of a standard normal one."""
        return torch.linalg.solve_triangular(self.factor.mT, noise.unsqueeze(-1), upper=True).squeeze(-1)

    def velocity(self, momentum: Tensor) -> Tensor:
        r"""$G^{-1} \rho$."""
        return (self.inverse @ momentum.unsqueeze(-1)).squeeze(-1)

    def kinetic(self, momentum: Tensor) -> Tensor:
        r"""$\frac12 \rho^\top G^{-1} \rho + \frac12 \log\det G$, nats, (...)."""
        return 0.5 * (momentum * self.velocity(momentum)).sum(-1) + self.log_volume

    @cached_property
    def _traces(self) -> Tensor:
        r"""$\mathrm{tr}(G M_i)$, (..., centroids)."""
        return self.tensor.flatten(-2) @ self.metric.spreads.mT

    def force(self, momentum: Tensor) -> Tensor:
        r"""$-\nabla_z$ of `kinetic`: $T^{-2} \sum_i w_i (\rho^\top M_i \rho - \mathrm{tr}(G M_i)) (z - c_i)$."""
        squares = (momentum.unsqueeze(-1) * momentum.unsqueeze(-2)).flatten(-2) @ self.metric.spreads.mT
        shares = self.weights * (squares - self._traces)
        return (shares.sum(-1, keepdim=True) * self.z - shares @ self.metric.centroids) / self.metric.width**2
