"""What the gallery of figures is drawn from."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.views import Views
from vaebench.model.abilities import REASONS

LATENT_IMAGES = 2000


@torch.no_grad()
def gallery(views: Views, labels: Tensor, count: int) -> dict[str, np.ndarray]:
    """Arrays, float32 in [0, 1] but for the latents, of ``count`` test images:

    ``originals`` and ``reconstructions`` (count, channels, height, width), ``samples`` of the prior (count, channels,
    height, width; absent without a prior) and ``samples_SAMPLER`` of each sampler that applies, ``latent_means``
    (images, latent) and their ``labels`` (images,). An empty ``reason`` says that there are some; data that are no
    images have an ``images_reason`` in place of pictures.
    """
    subject = views.subject
    pictures = {"latent_means": subject.means[:LATENT_IMAGES]}
    if subject.has("images"):
        pictures |= {"originals": subject.grey[:count], "reconstructions": subject.reconstructions[:count]}
        if subject.has("prior"):
            pictures["samples"] = subject.model.sample(count, subject.seed).clamp(0, 1)
        for sampler in views.bench.samplers:
            with suppress(Missing):
                pictures[f"samples_{sampler}"] = views.samples(sampler)[:count]
    arrays = {name: value.float().cpu().numpy() for name, value in pictures.items()}
    if not subject.has("images"):
        arrays["images_reason"] = np.array(REASONS["images"])
    return arrays | {"labels": labels[:LATENT_IMAGES].numpy(), "reason": np.array("")}
