"""What the gallery of figures is drawn from."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.plane import plane
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.views import Views
from vaebench.model.abilities import REASONS

LATENT_IMAGES = 2000
TRAVERSED, STEPS, ENDS = 5, 7, 0.05  # coordinates, images of each, and share of the test codes beyond either end


@torch.no_grad()
def gallery(views: Views, labels: Tensor, count: int) -> dict[str, np.ndarray]:
    """Arrays, float32 in [0, 1] but for the latents, of ``count`` test images:

    ``originals`` and ``reconstructions`` (count, channels, height, width), ``samples`` of the prior (count, channels,
    height, width; absent without a prior) and ``samples_SAMPLER`` of each sampler that applies, ``traversals``
    (coordinates, steps, channels, height, width) where coordinates mean anything, ``latent_means`` (images, latent) and
    their ``labels`` (images,), and of latent size 2 the map of `vaebench.evaluation.plane`. An empty ``reason`` says
    that there are some; data that are no images have an ``images_reason`` in place of pictures.
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
        if subject.has("euclidean"):
            pictures["traversals"] = _traversals(subject)
    arrays = {name: value.float().cpu().numpy() for name, value in pictures.items()}
    if not subject.has("images"):
        arrays["images_reason"] = np.array(REASONS["images"])
    arrays |= {"labels": labels[:LATENT_IMAGES].numpy(), "reason": np.array("")}
    return arrays | (plane(subject, labels) if views.bench.cell.latent == 2 else {})


def _traversals(subject: Subject) -> Tensor:
    """Images decoded where one coordinate of the first test image's code is moved from end to end of the test codes.

    Coordinates are those that vary most over the test set, in that order.
    """
    codes = subject.means
    moved = codes.std(0, correction=0).argsort(descending=True, stable=True)[:TRAVERSED]
    ends = torch.quantile(codes[:, moved], torch.tensor([ENDS, 1 - ENDS]).to(codes), dim=0)
    latents = codes[0].repeat(len(moved), STEPS, 1)
    for row, coordinate in enumerate(moved):
        latents[row, :, coordinate] = (
            torch.linspace(0, 1, STEPS).to(codes) * (ends[1, row] - ends[0, row]) + ends[0, row]
        )
    return subject.model.decode(latents.flatten(0, 1)).clamp(0, 1).unflatten(0, (len(moved), STEPS))
