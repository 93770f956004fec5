r"""Where a draw ends after dynamics with auxiliary variables: the posterior of Hamiltonian and annealed flavours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution


class Evolved(Distribution):
    r"""The law of $z_K$, where $z_0 \sim q$ and ``evolve`` maps $z_0$ to $z_K$ and a log ratio, in nats.

    The ratio is that of the densities of the auxiliary variables $a$, as drawn on the way and as the way back would
    draw them, $\log r(a|z_0) - \log s(a|z_K)$, less the log volume change. Its log density is
    $\log q(z_0) + \log r - \log s$, known for its last draw alone: $p(x, z_K)$ over that density averages to $p(x)$.
    Its mean is that of $q$. ``force`` is that of $\log p(x, z)$, if the way there ends with one.
    """

    has_rsample = True

    def __init__(self, q: Distribution, evolve: Callable[[Tensor], tuple[Tensor, Tensor]], force: Any = None) -> None:
        self.q, self.evolve, self.force = q, evolve, force
        super().__init__(q.batch_shape, q.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.q.mean

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        start = self.q.rsample(torch.Size(sample_shape))
        self._end, log_ratio = self.evolve(start)
        self._log_density = self.q.log_prob(start) + log_ratio
        return self._end

    @property
    def log_weight(self) -> Tensor:
        """Log importance weight of the last draw in nats, (..., batch), from what its last force has decoded."""
        return self.force.value - self._log_density

    def log_prob(self, value: Tensor) -> Tensor:
        """Log of the density's estimate at the last draw, shape (..., batch); ValueError for any other value."""
        if value is not self._end:
            raise ValueError("only the last draw has a density")
        return self._log_density
