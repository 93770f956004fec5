r"""Mean of the pull-backs of the Euclidean metric by the mean images of decoders trained on one posterior.

They are those of the run, if it was trained with several (``training: {decoders: 4}``); else further ones are trained
on the posterior as it is.

A path is measured by each decoder on its own. (Steps from the image of one decoder to that of another, as in Syrota et
al. 2024, https://arxiv.org/abs/2408.07507, make lengths that grow with the number of steps.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import torch
from torch import nn

from vaebench import random
from vaebench.errors import Missing
from vaebench.geometry import metrics
from vaebench.model.parts.ensemble import members
from vaebench.samplers.sampler import batch, descend

if TYPE_CHECKING:
    from vaebench.evaluation.survey.survey import Survey

MEMBERS = 4  # with the model's own decoder
STEPS, BATCH, LEARNING_RATE = 600, 128, 3e-3


def ensemble(survey: Survey) -> metrics.MetricTensor:
    """Of the run's decoders, or of its only one and of further ones, each from fresh weights. Raises `Missing`."""
    decoders = members(survey.model.decoder)
    if len(decoders) == 1:
        decoders += [member(survey, number) for number in range(1, MEMBERS)]
    return metrics.Pullback(metrics.ensemble(*(metrics.immersion(survey.charted(one)) for one in decoders)))


def member(survey: Survey, number: int) -> nn.Module:
    r"""A decoder that maximises $\mathbb E_{q(z|x)} \log p(x|z)$ on the training images; raises `Missing`."""
    if reason := survey.subject.lacks("likelihood"):
        raise Missing(f"its decoder cannot be trained on its own: {reason}")
    key = random.key(survey.seed, f"decoder {number}")
    decoder: Any = msgspec.structs.replace(survey.model.recipe, seed=key % 2**32).build().decoder
    decoder.to(survey.observed.device).train()
    images = survey.encoded.observed

    def loss(step: int) -> torch.Tensor:
        with random.stream(random.fold(torch.tensor(key, device=images.device), step)):
            x = images[batch(BATCH, len(images), images)]
            with torch.no_grad():
                z = survey.model(x).z
            return -decoder(z).log_prob(x).mean()

    descend(decoder, loss, STEPS, LEARNING_RATE)
    return decoder.eval()
