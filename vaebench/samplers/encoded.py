"""The training images as a model encodes them."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from vaebench import random
from vaebench.data import binarisation
from vaebench.errors import Missing
from vaebench.model.distributions.codes import Bits
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.vae import VAE
from vaebench.study.config import Convention
from vaebench.training.engine import EVALUATION_BATCH

# Images.
MOST = 10_000


def observed(train: Tensor, convention: Convention) -> Tensor:
    """What a model observes of training images, floats; those of the dynamic convention are drawn once."""
    split = "codes" if convention == "dynamic" else "train"
    return binarisation.scaled(binarisation.fixed(train, convention, split))


class Encoded:
    """Codes of images as the model ``observed`` them (images, channels, height, width), evenly spaced ones if many."""

    def __init__(self, model: VAE, observed: Tensor, seed: int) -> None:
        self.model, self.seed = model, seed
        count = min(MOST, len(observed))
        self.places = torch.arange(count) * len(observed) // count  # of those that were looked at
        self.observed = observed[self.places]

    @cached_property
    @torch.no_grad()
    def _pass(self) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {}
        for part, x in enumerate(self.observed.split(EVALUATION_BATCH)):
            key = torch.tensor(random.key(self.seed, "codes of training images"), device=x.device)
            with random.stream(random.fold(key, part)):
                draw = self.model(x)
            values = {"means": draw.q.mean, "draws": draw.z}
            if isinstance(draw.q, Gaussian):
                values["log_std"] = draw.q.log_std
            if isinstance(draw.q, Bits):
                values["index"] = draw.z.long()
            elif hasattr(draw.q, "index"):
                values["index"] = draw.q.index
            for name, value in values.items():
                found.setdefault(name, []).append(value)
        return {name: torch.cat(values) for name, values in found.items()}

    def _finite(self, name: str) -> Tensor:
        values = self._pass[name]
        if not values.isfinite().all():
            raise Missing("its codes of the training images are not finite")
        if (values == values[0]).all():
            raise Missing("its codes of the training images are all the same")
        return values

    @property
    def means(self) -> Tensor:
        """Point estimates, (images, latent); raises `Missing` for codes that are not finite, or all the same."""
        return self._finite("means")

    @property
    def draws(self) -> Tensor:
        """One latent of each image's posterior, (images, latent); raises `Missing` likewise."""
        return self._finite("draws")

    @property
    def log_std(self) -> Tensor | None:
        """Log standard deviations of Gaussian posteriors, (images, latent); None for others."""
        return self._pass.get("log_std")

    @property
    def index(self) -> Tensor:
        """Which code of the codebook each position of discrete latents is, (images, positions); raises `Missing`."""
        self._finite("draws")
        if "index" not in self._pass:
            raise Missing("its codes are no entries of one codebook")
        return self._pass["index"]
