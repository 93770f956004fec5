"""What metrics ask of a trained run, computed once each."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from vaebench import random
from vaebench.model.distributions.codes import Code
from vaebench.model.distributions.delta import Delta
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.vae import VAE
from vaebench.training.engine import EVALUATION_BATCH

DECODER_BATCH = 10_000


class Subject:
    """A model before the test set: ``grey`` and ``observed`` are (images, channels, height, width) in [0, 1].

    ``observed`` is what the model sees under its data convention, ``grey`` is what reconstructions are held against.
    All noise is a function of the seed.
    """

    def __init__(
        self, model: VAE, grey: Tensor, observed: Tensor, seed: int, *, importance_samples: int, importance_images: int
    ) -> None:
        self.model, self.grey, self.observed, self.seed = model, grey, observed, seed
        self.importance_samples, self.importance_images = importance_samples, importance_images

    def has(self, need: str) -> bool:
        """Whether the flavour has what a metric needs: the keys of `vaebench.evaluation.metric.REASONS`."""
        draw = self._probe
        return {
            "posterior": not isinstance(draw.q, Delta),
            "draws": not isinstance(draw.q, Code),
            "prior": draw.p is not None,
            "likelihood": not isinstance(draw.px, Delta) and not self.model.own_likelihood,
            "gaussian": isinstance(draw.q, Gaussian) and isinstance(draw.p, Gaussian),
        }[need]

    @cached_property
    def _probe(self):
        with torch.no_grad():
            return self.model(self.observed[:1])

    def _keyed(self, purpose: str, part: int):
        """The ambient stream of one part of the evaluation."""
        return random.stream(
            random.fold(torch.tensor(random.key(self.seed, purpose), device=self.observed.device), part)
        )

    @cached_property
    @torch.no_grad()
    def _pass(self) -> dict[str, Tensor]:
        """One latent per test image: log likelihood, KL, and mean latents; chunked."""
        kept: dict[str, list[Tensor]] = {"log_px": [], "kl": [], "means": [], "reconstructions": []}
        for part, x in enumerate(self.observed.split(EVALUATION_BATCH)):
            with self._keyed("test", part):
                draw = self.model(x)
                if self.has("likelihood"):
                    kept["log_px"].append(draw.log_px)
                if self.has("posterior") and self.has("prior"):
                    kept["kl"].append(draw.kl)
            kept["means"].append(draw.q.mean)
            kept["reconstructions"].append(self.model.decode(draw.q.mean).clamp(0, 1))
        return {name: torch.cat(values) for name, values in kept.items() if values}

    @property
    def log_px(self) -> Tensor:
        r"""$\log p(x|z)$ at one $z \sim q(z|x)$ per test image, nats, (images,)."""
        return self._pass["log_px"]

    @property
    def kl(self) -> Tensor:
        r"""$\mathrm{KL}(q(z|x) \| p(z))$ per test image, nats, (images,)."""
        return self._pass["kl"]

    @property
    def means(self) -> Tensor:
        """Point estimates of the latents, (images, latent)."""
        return self._pass["means"]

    @property
    def reconstructions(self) -> Tensor:
        """Decoder means at the point estimates, clamped to [0, 1], (images, channels, height, width)."""
        return self._pass["reconstructions"]

    @cached_property
    @torch.no_grad()
    def log_w(self) -> Tensor:
        r"""Log importance weights $\log p(x, z_k) - \log q(z_k|x)$, nats, (samples, images), evenly spaced images."""
        images = min(EVALUATION_BATCH, max(1, DECODER_BATCH // self.importance_samples))
        samples = min(self.importance_samples, DECODER_BATCH)
        columns = []
        count = min(self.importance_images, len(self.observed))
        chosen = torch.arange(count, device=self.observed.device) * len(self.observed) // count
        for part, x in enumerate(self.observed[chosen].split(images)):
            rows = []
            with self._keyed("importance", part):
                for start in range(0, self.importance_samples, samples):
                    rows.append(self.model(x, min(samples, self.importance_samples - start)).log_w)
            columns.append(torch.cat(rows))
        return torch.cat(columns, 1)
