r"""What a flow makes of a simpler law: flow posteriors and flow priors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.distributions import Distribution

from vaebench.model.flows.flow import Flow


class Flowed(Distribution):
    r"""The law of $f(z; h)$ for $z$ of the law ``base``, $f$ a transform of `vaebench.model.flows` and $h$ its context.

    ``mean`` is the image of the base's mean, a point estimate, and not the expectation. The density of the last draw is
    known as it is drawn; that of any other value takes the inverse, where the transform has one.
    """

    has_rsample = True

    def __init__(self, base: Distribution, flow: Flow, context: Tensor | None = None) -> None:
        self.base, self.flow, self.context = base, flow, context
        self._last: Tensor | None = None
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.flow(self.base.mean, self.context)[0]

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        start = self.base.rsample(torch.Size(sample_shape))
        self._last, volume = self.flow(start, self.context)
        self._log_density = self.base.log_prob(start) - volume
        return self._last

    def log_prob(self, value: Tensor) -> Tensor:
        """Log density in nats, shape (..., batch); NotImplementedError where it takes an inverse that is not known."""
        if value is self._last:
            return self._log_density
        start, volume = self.flow.inverse(value, self.context)
        return self.base.log_prob(start) + volume
