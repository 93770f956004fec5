"""Decoders: latents (..., latent) to a distribution of images (..., channels, height, width)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaebench import random
from vaebench.model.parts.design import Design


class NetworkDecoder(nn.Module):
    r"""$z \mapsto p(x|z)$: a network, then the likelihood."""

    own_likelihood = ""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.likelihood = design.likelihood()
        self.network = design.network.decoder(design.latent, design.image[0] * self.likelihood.features)

    def forward(self, z: Tensor) -> Distribution:
        return self.likelihood(self.network(z))


class MeanDecoder(NetworkDecoder):
    """A decoder of which only the mean image is trained: `fit_scale` is for the scale of the likelihood, if it has one.

    A likelihood of more features than the mean would have untrained ones, and holds for no image.
    """

    def __init__(self, design: Design) -> None:
        super().__init__(design)
        self.likelihood.requires_grad_(False)
        if self.likelihood.features > 1:
            name = type(self.likelihood).__name__
            self.own_likelihood = f"it trains mean images alone, which are not all of a '{name}' likelihood"


@torch.no_grad()
def fit_scale(vae: Any, images: Tensor, chunk: int = 1000) -> None:
    r"""Fit a likelihood's one scale, if it has one, to all training images, the latents drawn from their posteriors.

    The mean over pixels of $\mathbb E_q (x_i - \hat x_i(z))^2$ is the variance $\sigma^2$ of maximum likelihood.
    """
    fit = getattr(vae.decoder.likelihood, "fit", None)
    if fit is None:
        return
    with random.stream(torch.tensor(random.key(0, "scale"), device=images.device)):
        errors = [(x - vae(x).px.mean).square().flatten(1).mean(1) for x in images.split(chunk)]
    fit(torch.cat(errors).mean())
