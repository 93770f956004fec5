r"""Annealed importance sampling from the prior to the posterior, and back. Neal 2001, https://arxiv.org/abs/physics/9803008.

Of decoders, with Hamiltonian moves: Wu et al. 2017, https://arxiv.org/abs/1611.04273. The densities on the way are
$p(z)\,p(x|z)^\beta$. A way there from a draw of the prior has weights $w$ with $\mathbb E[w] = p(x)$, so that the
logarithm of their mean is in expectation a lower bound of $\log p(x)$; the way back from an exact draw of the posterior
has weights with $\mathbb E[1/w] = 1/p(x)$ and gives an upper bound. The posterior of images that a model has made has
an exact draw: the latents that made them (Grosse et al. 2015, https://arxiv.org/abs/1511.02543).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vaebench import random
from vaebench.evaluation.evidence.coordinates import Continuous, Discrete
from vaebench.evaluation.evidence.simulation import simulated
from vaebench.model.dynamics import Gradient
from vaebench.model.objectives.bounds import importance_weighted

CHAINS, PILOTS = 16, 4
LEAPFROGS = 2
ACCEPTANCE, RATE, STEP = 0.65, 0.1, 0.5  # what step sizes aim at, how fast they follow, and where they start
SHARPNESS = 4.0
PROPOSALS = 8


def schedule(temperatures: int) -> list[float]:
    r"""$0 = \beta_0 < \dots < \beta_T = 1$, evenly spaced on a sigmoid between -4 and 4 (Wu et al. 2017, section 4)."""
    ends = torch.linspace(-SHARPNESS, SHARPNESS, temperatures + 1, dtype=torch.float64).sigmoid()
    return ((ends - ends[0]) / (ends[-1] - ends[0])).tolist()


class State(NamedTuple):
    """Where chains are: coordinates, log densities (chains, images) in nats, and slopes."""

    u: Tensor
    log_prior: Tensor
    log_likelihood: Tensor
    prior_slope: Tensor
    likelihood_slope: Tensor

    def log_density(self, level: float) -> Tensor:
        return self.log_prior + level * self.log_likelihood

    def slope(self, level: float) -> Tensor:
        return self.prior_slope + level * self.likelihood_slope


class Hamiltonian:
    """Coordinates u (chains, images, size), moved by Hamiltonian dynamics (Neal 2011, https://arxiv.org/abs/1206.1901).

    ``steps`` holds a step size for each level and image. At a level that it does not have yet, the acceptance of the
    first `PILOTS` chains sets it, and theirs are no weights to count: for the others it is given.
    """

    def __init__(self, place: Continuous, decoder: nn.Module, x: Tensor, u: Tensor, steps: dict[float, Tensor]) -> None:
        self.steps, self.step = steps, u.new_full((len(x), 1), STEP)
        self._prior = Gradient(place.base.log_prob)
        self._likelihood = Gradient(lambda u: decoder(place.latents(u)).log_prob(x))
        self.state = self._at(u)

    def _at(self, u: Tensor) -> State:
        slopes = self._prior(u), self._likelihood(u)
        return State(u, self._prior.value, self._likelihood.value, *slopes)

    @property
    def log_likelihood(self) -> Tensor:
        return self.state.log_likelihood

    def move(self, level: float) -> None:
        r"""One trajectory of `LEAPFROGS` steps at $\beta$ = ``level``, accepted or not."""
        step, start, end = self.steps.setdefault(level, self.step), self.state, self.state
        noise = momentum = random.normal(start.u.shape, start.u)
        for _ in range(LEAPFROGS):
            momentum = momentum + 0.5 * step * end.slope(level)
            end = self._at(end.u + step * momentum)
            momentum = momentum + 0.5 * step * end.slope(level)
        kinetic = 0.5 * (noise.square() - momentum.square()).sum(-1)
        log_ratio = end.log_density(level) - start.log_density(level) + kinetic
        accepted = random.uniform(log_ratio.shape, log_ratio).log() < log_ratio
        chosen = (accepted[..., None], accepted, accepted, accepted[..., None], accepted[..., None])
        self.state = State(*map(torch.where, chosen, end, start))
        chance = log_ratio[:PILOTS].exp().clamp(max=1).nan_to_num(0).mean(0)
        self.step = step * (RATE * (chance - ACCEPTANCE)).exp()[:, None]


class Metropolis:
    """Indices of codes (chains, images, positions), moved by random changes of one of them (Metropolis et al. 1953)."""

    def __init__(self, place: Discrete, decoder: nn.Module, x: Tensor, index: Tensor) -> None:
        self.place, self.index = place, index
        self._log_likelihood = lambda index: decoder(place.latents(index)).log_prob(x)
        self.log_likelihood = self._log_likelihood(index)

    def move(self, level: float) -> None:
        r"""`PROPOSALS` at $\beta$ = ``level``: any other code at any position."""
        for _ in range(PROPOSALS):
            where, which, chance = random.uniform((3, *self.log_likelihood.shape), self.log_likelihood)
            position = (where * self.place.positions).long()[..., None]
            shift = 1 + (which * (self.place.codes - 1)).long()[..., None]
            index = self.index.scatter(-1, position, (self.index.gather(-1, position) + shift) % self.place.codes)
            log_likelihood = self._log_likelihood(index)
            accepted = chance.log() < level * (log_likelihood - self.log_likelihood)
            self.index = torch.where(accepted[..., None], index, self.index)
            self.log_likelihood = torch.where(accepted, log_likelihood, self.log_likelihood)


def log_weights(chains: Hamiltonian | Metropolis, levels: Sequence[float]) -> Tensor:
    r"""$\sum_t |\beta_t - \beta_{t - 1}| \log p(x|z)$ in nats, float64 (chains, images), moves in between."""
    total = torch.zeros_like(chains.log_likelihood, dtype=torch.float64)
    for before, after in pairwise(levels):
        if before != levels[0]:
            chains.move(before)
        total += abs(after - before) * chains.log_likelihood.double()
    return total


class Annealing:
    """Of images of a ``decoder`` whose latents have the prior of ``place``; ``levels`` are inverse temperatures."""

    def __init__(self, place: Continuous | Discrete, decoder: nn.Module, temperatures: int) -> None:
        self.place, self.decoder, self.levels = place, decoder, schedule(temperatures)

    def _chains(self, x: Tensor, start: Tensor, steps: dict[float, Tensor]) -> Hamiltonian | Metropolis:
        if isinstance(self.place, Discrete):
            return Metropolis(self.place, self.decoder, x, start)
        return Hamiltonian(self.place, self.decoder, x, start, steps)

    def _forth(self, x: Tensor, steps: dict[float, Tensor]) -> Tensor:
        pilots = 0 if isinstance(self.place, Discrete) else PILOTS
        chains = self._chains(x, self.place.draw(pilots + CHAINS, len(x)), steps)
        return importance_weighted(log_weights(chains, self.levels)[pilots:])

    def lower(self, x: Tensor) -> Tensor:
        """In expectation a lower bound of log p(x) in nats, float64 (images,)."""
        return self._forth(x, {})

    def bracket(self, images: int) -> tuple[Tensor, Tensor]:
        """Of images that the model makes: in expectation bounds of log p(x) from below and above, (images,) both.

        Raises `Missing` for a likelihood that no images can be drawn from.
        """
        start = self.place.draw(images)
        x = simulated(self.decoder(self.place.latents(start)))
        steps: dict[float, Tensor] = {}
        lower = self._forth(x, steps)
        chains = self._chains(x, start.expand(CHAINS, *start.shape), steps)
        return lower, -importance_weighted(-log_weights(chains, self.levels[::-1]))
