"""What metrics ask of the evidence of a model, computed once each."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaebench import random
from vaebench.evaluation.evidence.annealing import CHAINS, PILOTS, Annealing
from vaebench.evaluation.evidence.coordinates import Continuous, Discrete, coordinates
from vaebench.evaluation.evidence.enumeration import DECODED, enumeration
from vaebench.evaluation.evidence.quadrature import SIDES, box, quadrature
from vaebench.evaluation.evidence.refinement import SAMPLES, elbo, refined
from vaebench.evaluation.metric import Estimate

if TYPE_CHECKING:
    from vaebench.evaluation.subject import Subject

ENUMERATED = 100_000  # latents at most
SIMULATED = 20  # images that the model makes, to try annealing on


class Evidence:
    """Of the evenly spaced test images of a ``subject``, under its own or another ``prior``. All noise is a function of
    its seed.

    An integral over at most two coordinates is found by quadrature, a sum over few latents by enumeration, and any
    other by annealed importance sampling. Raises `Missing` for a prior of another kind than `coordinates` knows.
    """

    def __init__(self, subject: Subject, prior: Any = None) -> None:
        self.subject, self.model, self._prior = subject, subject.model, prior
        self.x = subject.observed[subject.evidence_chosen]

    @cached_property
    @torch.no_grad()
    def place(self) -> Continuous | Discrete:
        """The coordinates that its latents have."""
        if self._prior is not None:
            return coordinates(self._prior)
        assert self.model.prior is not None
        return coordinates(self.model.prior(self.model.encoder))

    @property
    def exact(self) -> bool:
        """Whether nothing has to be annealed."""
        if isinstance(self.place, Discrete):
            return self.place.count <= ENUMERATED
        return self.place.size in SIDES and self.place.inverse is not None

    @property
    def annealing(self) -> Annealing:
        return Annealing(self.place, self.model.decoder, self.subject.evidence_temperatures)

    @cached_property
    @torch.no_grad()
    def log_p(self) -> Tensor:
        """log p(x) in nats, float64 (images,): a stochastic lower bound where it is not exact."""
        if not self.exact:
            parts = []
            for part, x in enumerate(self.x.split(DECODED // (PILOTS + CHAINS))):
                with self.subject.keyed("evidence", part):
                    parts.append(self.annealing.lower(x))
            return torch.cat(parts)
        if isinstance(self.place, Discrete):
            return enumeration(self.place, self.model.decoder, self.x)
        with self.subject.keyed("evidence", 0):
            return quadrature(self.place, self.model.decoder, self.x, *box(self.place, self.model.encode(self.x)))

    @torch.no_grad()
    def bracket(self) -> tuple[Tensor, Tensor]:
        """Annealing's bounds from below and above of log p(x) in nats, float64 (images,), of images the model makes."""
        with self.subject.keyed("bidirectional", 0):
            return self.annealing.bracket(min(SIMULATED, len(self.x)))

    @cached_property
    @torch.no_grad()
    def elbos(self) -> tuple[Tensor, Tensor]:
        """Of the encoder's Gaussians and of refined ones, by the same noise, nats, float64 (images,)."""
        found = []
        for part, x in enumerate(self.x.split(DECODED // SAMPLES)):
            key = random.fold(torch.tensor(random.key(self.subject.seed, "refinement"), device=x.device), part)
            with random.stream(key):
                q = self.model(x).q
            pair = []
            for law in (q, refined(self.model, x, q, key)):
                with self.subject.keyed("elbo", part):
                    pair.append(elbo(self.model, x, law))
            found.append(torch.stack(pair))
        encoded, best = torch.cat(found, 1)
        return encoded, best

    def estimate(self, values: Tensor) -> Estimate:
        """The mean of values of its images (images,), told among all test images."""
        each = values.new_full((len(self.subject.observed),), torch.nan)
        each[self.subject.evidence_chosen] = values
        return Estimate.of(values)._replace(each=each)
