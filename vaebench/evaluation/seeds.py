"""The codes of one run beside those of the other seeds of its cell: what the metrics of stability are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.subject import Subject


class Seeds:
    """A run's ``own`` subject, and those of the `others`."""

    def __init__(self, own: Subject, others: Sequence[Subject]) -> None:
        self.own, self._others = own, others

    def lacks(self, need: str) -> str:
        """Why the model does not have what a metric needs; empty if it has it."""
        return self.own.lacks(need)

    def mean(self, likeness: Callable[[np.ndarray, np.ndarray], float]) -> float:
        """Mean ``likeness`` of the run's centred codes (images, latent) to those of each other seed.

        Raises `Missing` without another seed, or for codes that are not finite, or all the same.
        """
        own = centred(self.own.means)
        return float(np.mean([likeness(own, centred(other.means)) for other in self.others]))

    @property
    def others(self) -> Sequence[Subject]:
        """Those of the other seeds; raises `Missing` if there are none."""
        if not self._others:
            raise Missing("there is no other seed to hold it against")
        return self._others


def centred(codes: Tensor) -> np.ndarray:
    """Codes (images, latent) less their mean, float64; raises `Missing` if they are not finite, or all the same."""
    if not codes.isfinite().all():
        raise Missing("its codes are not finite")
    values = codes.double().cpu().numpy()
    values = values - values.mean(0)
    if not values.any():
        raise Missing("its codes are all the same")
    return values
