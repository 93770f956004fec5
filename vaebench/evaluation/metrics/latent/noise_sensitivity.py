"""How far decoded images move where codes are shaken. Camuto et al. 2021, https://arxiv.org/abs/2007.07365."""

import torch
from torch import Tensor

from vaebench import random
from vaebench.errors import Missing
from vaebench.evaluation.metric import metric
from vaebench.training.engine import EVALUATION_BATCH

SHARE = 0.1  # of the deviation of each coordinate over the test set


@metric(unit="", better="lower", least=0, needs=("euclidean",), worst="a decoder that amplifies")
def noise_sensitivity(subject) -> Tensor:
    """Mean squared change per pixel of the decoded code of each test image, where noise of a tenth of each coordinate's
    deviation over the test set is added to it, (images,)."""
    means = subject.means
    if len(means) < 2:
        raise Missing("one test image alone has no deviation of codes")
    scale = SHARE * means.std(0)
    changes = []
    for part, (z, image) in enumerate(
        zip(means.split(EVALUATION_BATCH), subject.reconstructions.split(EVALUATION_BATCH), strict=True)
    ):
        with subject.keyed("noise", part), torch.no_grad():
            shaken = subject.model.decode(z + scale * random.normal(z.shape, z))
        shaken = shaken.clamp(0, 1) if subject.scale == "unit" else shaken
        changes.append((shaken - image).double().square().flatten(1).mean(1))
    return torch.cat(changes)
