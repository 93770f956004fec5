"""A model before its own test set and that of another dataset, which it should find less likely."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.metric import Estimate
from vaebench.evaluation.subject import Subject, of_weights
from vaebench.model.objectives.bounds import importance_weighted


class Foreign:
    """``inside`` and ``outside`` are the same model before either test set."""

    def __init__(self, inside: Subject, outside: Subject) -> None:
        self.inside, self.outside = inside, outside

    def lacks(self, need: str) -> str:
        """Why the model does not have what a metric needs; empty if it has it."""
        return self.inside.lacks(need)

    def told(self, measure: Callable[[np.ndarray, np.ndarray], float]) -> dict[str, Estimate]:
        """A ``measure`` in per cent by score, of which images are foreign, bool (images,), and their scores (images,).

        It is not a number where scores are not finite. Raises `Missing` where the model has none of them.
        """
        found = {}
        for name, (inside, outside) in self.scores.items():
            scores = torch.cat([inside, outside])
            if scores.isfinite().all():
                outer = np.arange(len(scores)) >= len(inside)
                found[name] = Estimate(100 * float(measure(outer, scores.cpu().numpy())))
            else:
                found[name] = Estimate(math.nan, each=scores)
        return found

    @cached_property
    def scores(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Scores in nats that should be higher outside, by name: of images inside and outside, float64 (images,) each.

        Raises `Missing` where the model has none of them.
        """
        found = {
            name: (score(self.inside), score(self.outside))
            for name, (needs, score) in SCORES.items()
            if all(self.inside.has(need) for need in needs)
        }
        if not found:
            raise Missing("it has no density of images or of latents to tell them by")
        return found


SCORES: dict[str, tuple[tuple[str, ...], Callable[[Subject], Tensor]]] = {
    "elbo": (("posterior", "prior", "likelihood"), lambda subject: -subject.elbo),
    "nll": (
        ("posterior", "draws", "prior", "likelihood"),
        lambda subject: -of_weights(subject.log_w, importance_weighted),
    ),
    "rate": (("posterior", "prior"), lambda subject: subject.kl.double()),
    "distortion": (("likelihood",), lambda subject: -subject.log_px.double()),
}
