r"""Moves of latents towards the posterior: leapfrogs with tempered momentum, and annealed Langevin steps.

Latents and momenta are (*samples, batch, latent). A force is the gradient of a log density in the latents; it is
differentiable in turn, so that gradients flow through whole trajectories.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from vaebench import random
from vaebench.model.spaces.riemannian_metric import Place
from vaebench.model.vae import VAE

Force = Callable[[Tensor], Tensor]


class Gradient:
    """Gradient of a log density at latents (*samples, batch, latent).

    ``value``, (*samples, batch), is what is known of the last ones: the density, or what ``log_density`` gives beside.
    """

    value: Tensor

    def __init__(self, log_density: Callable[[Tensor], Tensor | tuple[Tensor, Tensor]]) -> None:
        def summed(z: Tensor) -> tuple[Tensor, Tensor]:
            found = log_density(z)
            density, value = found if isinstance(found, tuple) else (found, found)
            return density.sum(), value

        self._gradient = torch.func.grad(summed, has_aux=True)

    def __call__(self, z: Tensor) -> Tensor:
        gradient, self.value = self._gradient(z)
        return gradient


def pull(vae: VAE, observed: Tensor, target: Tensor) -> Gradient:
    r"""That of $\log p(x, z)$ at the ``observed`` images; its ``value`` is the log joint density of the ``target``.

    The two are the same but for denoising, where a posterior may know no more than the masked input.
    """

    def joint(z: Tensor) -> tuple[Tensor, Tensor]:
        assert vae.prior is not None
        px, log_prior = vae.decoder(z), vae.prior(vae.encoder).log_prob(z)
        followed = px.log_prob(observed) + log_prior
        return followed, followed if target is observed else px.log_prob(target) + log_prior

    return Gradient(joint)


def bounded(force: Force, unit: Tensor, limit: float = 5.0) -> Force:
    r"""The force, each coordinate kept within ``limit`` / ``unit``, where ``unit`` is the encoder's $\sigma(x)$.

    At a posterior of that deviation it is as it was. Before the encoder has learned how sharp the posterior is, steps
    in units of its own deviation would run away. What is kept depends on $z$ alone, so leapfrogs still run back and
    keep volume, and Langevin steps still have their density.
    """
    return lambda z: torch.maximum(torch.minimum(force(z), limit / unit), -limit / unit)


class StepSizes(nn.Module):
    r"""Learned step sizes (latent,), from ``start`` on and within (0, 2.5 ``start``).

    Flavours count them in units of the encoder's standard deviation $\sigma(x)$: leapfrogs of
    ``step_size`` $\sigma(x)$, Langevin steps of ``step_size`` $\sigma(x)^2$. These are the dynamics of
    $(z - \mu(x)) / \sigma(x)$, whatever the unit of a latent; and as a step depends on the image and never on $z$,
    leapfrogs run back and keep volume.
    """

    def __init__(self, latent: int, start: float, learned: bool = True) -> None:
        super().__init__()
        self.bound = 2.5 * start
        self.logit = nn.Parameter(torch.full((latent,), math.log(0.4 / 0.6)), requires_grad=learned)

    def forward(self) -> Tensor:
        return self.bound * self.logit.sigmoid()


class Tempering(nn.Module):
    r"""Momentum that starts at a temperature $1 / \beta_0$ and cools to 1: Caterini et al. 2018, fixed tempering.

    $\beta_k^{-1/2} = \beta_0^{-1/2} + (1 - \beta_0^{-1/2}) k^2 / K^2$.
    """

    def __init__(self, steps: int, temperature: float, learned: bool) -> None:
        super().__init__()
        self.steps = steps
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)), requires_grad=learned)

    def forward(self) -> tuple[Tensor, list[Tensor]]:
        r"""$\beta_0^{-1/2}$, by which the first momentum is scaled, and $(\beta_{k-1} / \beta_k)^{1/2}$ for each step.

        The scales' product is 1, so that the density of the unscaled momentum and the volume need no correction.
        """
        first = (0.5 * self.log_temperature).exp()
        levels = [first + (1 - first) * (k / self.steps) ** 2 for k in range(self.steps + 1)]
        return first, [after / before for before, after in pairwise(levels)]


def leapfrog(
    force: Force, z: Tensor, momentum: Tensor, step: Tensor, scales: Sequence[Tensor | float]
) -> tuple[Tensor, Tensor]:
    """A leapfrog step for each of ``scales``, by which the momentum is multiplied after it (Neal 2011, section 2.3)."""
    kick = 0.5 * step * force(z)
    for scale in scales:
        momentum = momentum + kick
        z = z + step * momentum
        kick = 0.5 * step * force(z)
        momentum = scale * (momentum + kick)
    return z, momentum


def riemannian_leapfrog(
    force: Force, place: Place, momentum: Tensor, step: Tensor, scales: Sequence[Tensor | float], iterations: int
) -> tuple[Place, Tensor]:
    r"""Generalised leapfrogs for momenta $\mathcal N(0, G(z))$: Girolami & Calderhead 2011, equations 16 to 18.

    Each of the two implicit equations is solved by fixed-point iterations from the point before it, and a step is
    reversible and keeps volume up to their residual, which falls by a factor proportional to ``step`` at each.
    """
    pull = force(place.z)
    for scale in scales:
        half = momentum
        for _ in range(iterations):
            half = momentum + 0.5 * step * (pull + place.force(half))
        velocity = place.velocity(half)
        z = place.z + step * velocity
        for _ in range(iterations - 1):
            z = place.z + 0.5 * step * (velocity + place.metric.at(z).velocity(half))
        place, pull = place.metric.at(z), force(z)
        momentum = scale * (half + 0.5 * step * (pull + place.force(half)))
    return place, momentum


def annealed_langevin(start: Force, goal: Force, z: Tensor, step: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    r"""Unadjusted Langevin steps, the $k$-th at the geometric bridge's $k / K$ between two densities.

    Also returns $\sum_k \log m_k(z_k|z_{k-1}) - \log m_k(z_{k-1}|z_k)$, nats, (*samples, batch), with
    $m_k(\cdot|z) = \mathcal N(z + \eta \nabla \log \gamma_k(z), 2 \eta)$: each step's density against its reversal's.
    """
    spread = (2 * step).sqrt()
    log_ratio = torch.zeros_like(z[..., 0])
    slopes = start(z), goal(z)
    for k in range(1, steps + 1):
        noise = random.normal(z.shape, z)
        end = z + step * torch.lerp(*slopes, k / steps) + spread * noise
        slopes = start(end), goal(end)
        back = (z - end - step * torch.lerp(*slopes, k / steps)) / spread
        log_ratio = log_ratio + 0.5 * (back.square() - noise.square()).sum(-1)
        z = end
    return z, log_ratio
