"""What metrics ask of a trained run, computed once each."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vaebench import random
from vaebench.evaluation.aggregate import Aggregate, aggregate
from vaebench.evaluation.evidence.evidence import Evidence
from vaebench.geometry.budget import fitting, joined
from vaebench.model.abilities import lacks
from vaebench.model.distributions.gaussian import Gaussian, kl_per_dimension
from vaebench.model.vae import VAE
from vaebench.training.engine import EVALUATION_BATCH

if TYPE_CHECKING:
    from vaebench.evaluation.judge import Judge

DECODER_BATCH = 10_000
EXPECTATION_SAMPLES = 16  # latents an image behind each of the two estimates of its posterior's expectation


def evenly(count: int, of: int) -> Tensor:
    """``count`` numbers below ``of``, evenly spaced; all of them if there are no more."""
    count = min(count, of)
    return torch.arange(count) * of // count


def of_weights(log_w: Tensor, function: Callable[[Tensor], Tensor], numbers: int = 0) -> Tensor:
    """A function of log weights (samples, images) to values (images, ...), in float64 of some images at a time.

    A copy of all weights can be gigabytes. ``numbers`` are those that the function makes of an image beside them.
    """
    parts = log_w.split(fitting(len(log_w) + numbers), 1)
    return torch.cat([function(some.double()) for some in parts])


class Subject:
    """A model before the test set: ``grey`` and ``observed`` are (images, channels, height, width).

    ``observed`` is what the model sees under its data convention, ``grey`` is what reconstructions are held against;
    both lie in [0, 1] where the data's ``scale`` is "unit", and anywhere where it is "real". The ``judge`` is that of
    the data, if there is one. All noise is a function of the seed.
    """

    def __init__(
        self,
        model: VAE,
        grey: Tensor,
        observed: Tensor,
        seed: int,
        *,
        importance_samples: int,
        importance_images: int,
        scale: str = "unit",
        judge: Judge | None = None,
        evidence_images: int = 100,
        evidence_temperatures: int = 500,
    ) -> None:
        self.model, self.grey, self.observed, self.seed, self.scale = model, grey, observed, seed, scale
        self.evidence_temperatures = evidence_temperatures
        self.judge, self.importance_samples = judge, importance_samples
        self.chosen, self.evidence_chosen = (
            evenly(count, len(observed)).to(observed.device) for count in (importance_images, evidence_images)
        )

    def lacks(self, need: str) -> str:
        """Why the model or the data do not have what a metric needs (a key of `REASONS`); empty if they have it."""
        if need == "judge":
            return self.judge.fault if self.judge else "the data have no judge"
        return lacks(self.model, need, scale=self.scale, draw=self._probe)

    @cached_property
    def aggregate(self) -> Aggregate:
        """What its aggregated posterior is made of."""
        return aggregate(self)

    @cached_property
    def evidence(self) -> Evidence:
        """Of its model, on the images ``evidence_chosen``."""
        return Evidence(self)

    def has(self, need: str) -> bool:
        """Whether nothing lacks."""
        return not self.lacks(need)

    @cached_property
    def _probe(self):
        with torch.no_grad():
            return self.model(self.observed[:1])

    def keyed(self, purpose: str, part: int):
        """The ambient stream of one part of a pass over the test set."""
        return random.stream(
            random.fold(torch.tensor(random.key(self.seed, purpose), device=self.observed.device), part)
        )

    @cached_property
    @torch.no_grad()
    def _pass(self) -> dict[str, Tensor]:
        """One latent per test image: log likelihood, KL, and mean latents; chunked."""
        kept: dict[str, list[Tensor]] = {}
        for part, x in enumerate(self.observed.split(EVALUATION_BATCH)):
            with self.keyed("test", part):
                draw = self.model(x)
                found = {"means": draw.q.mean, "reconstructions": self.model.decode(draw.q.mean)}
                if self.has("likelihood"):
                    found["log_px"] = draw.log_px
                if self.has("posterior") and self.has("prior"):
                    found["kl"] = draw.kl
                if self.has("gaussian"):
                    found["kl_per_dimension"] = kl_per_dimension(draw.q, draw.p)
            for name, value in found.items():
                kept.setdefault(name, []).append(value)
        return {name: torch.cat(values) for name, values in kept.items()}

    @property
    def log_px(self) -> Tensor:
        r"""$\log p(x|z)$ at one $z \sim q(z|x)$ per test image, nats, (images,)."""
        return self._pass["log_px"]

    @property
    def kl(self) -> Tensor:
        r"""$\mathrm{KL}(q(z|x) \| p(z))$ per test image, nats, (images,)."""
        return self._pass["kl"]

    @property
    def elbo(self) -> Tensor:
        r"""$\log p(x|z) - \mathrm{KL}(q(z|x) \| p(z))$ per test image, nats, float64 (images,)."""
        return (self.log_px - self.kl).double()

    @property
    def kl_per_dimension(self) -> Tensor:
        """The KL of each latent coordinate, where posterior and prior are Gaussian, nats, (images, latent)."""
        return self._pass["kl_per_dimension"]

    @property
    def means(self) -> Tensor:
        """Point estimates of the latents, (images, latent): not the posterior's `expectations`."""
        return self._pass["means"]

    @cached_property
    def reconstructions(self) -> Tensor:
        """Decoder means at the point estimates, (images, channels, height, width), clamped to [0, 1] as data are."""
        decoded = self._pass["reconstructions"]
        return decoded.clamp(0, 1) if self.scale == "unit" else decoded

    @property
    def squared_errors(self) -> Tensor:
        """Mean squared difference per pixel of each reconstruction from its grey image, float64 (images,)."""
        return (self.reconstructions - self.grey).double().square().flatten(1).mean(1)

    @cached_property
    @torch.no_grad()
    def expectations(self) -> tuple[Tensor, Tensor]:
        r"""Two estimates of $\mathbb E_{q(z|x)}[z]$ with independent errors, float64 (images, latent) each.

        The mean itself of a Gaussian; else means of samples, for the evenly spaced images of the importance weights.
        """
        if isinstance(self._probe.q, Gaussian):
            return self.means.double(), self.means.double()
        halves = []
        for part, x in enumerate(self.observed[self.chosen].split(DECODER_BATCH // (2 * EXPECTATION_SAMPLES))):
            with self.keyed("expectation", part):
                z = self.model(x, 2 * EXPECTATION_SAMPLES).z.double()
            halves.append(z.unflatten(0, (2, -1)).mean(1))
        one, other = torch.cat(halves, 1)
        return one, other

    @cached_property
    @torch.no_grad()
    def codes(self) -> tuple[Tensor, Tensor]:
        """Of discrete latents: the mean mass of each code at each position over the test set, float64, and whether it
        is the likeliest for any image, (positions, codes) both."""
        mass, chosen = [], []
        for part, x in enumerate(self.observed.split(EVALUATION_BATCH)):
            with self.keyed("codes", part):
                masses = self.model(x).q.masses.double()
            mass.append(masses.sum(0))
            chosen.append(F.one_hot(masses.argmax(-1), masses.shape[-1]).amax(0))
        return torch.stack(mass).sum(0) / len(self.observed), torch.stack(chosen).amax(0) > 0

    @cached_property
    @torch.no_grad()
    def log_w(self) -> Tensor:
        r"""Log importance weights $\log p(x, z_k) - \log q(z_k|x)$, nats, (samples, images) of images ``chosen``."""
        images = min(EVALUATION_BATCH, max(1, DECODER_BATCH // self.importance_samples))
        samples = min(self.importance_samples, DECODER_BATCH)
        starts = range(0, self.importance_samples, samples)

        def of(part: int, x: Tensor) -> Tensor:
            with self.keyed("importance", part):
                rows = [self.model(x, min(samples, self.importance_samples - start)).log_w for start in starts]
            return torch.cat(rows).T

        parts = self.observed[self.chosen].split(images)
        return joined((of(part, x) for part, x in enumerate(parts)), len(self.chosen)).T
