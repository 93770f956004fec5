"""Sliced Wasserstein distance of pixels. Bonneel et al. 2015, https://doi.org/10.1007/s10851-014-0506-3, section 3."""

import torch
import torch.nn.functional as F

from vaebench import random
from vaebench.evaluation.metric import metric

DIRECTIONS = 500


@metric(unit="", better="lower", least=0, best="training images", worst="uniform noise", called="sliced Wasserstein")
def sliced_wasserstein(generation) -> float:
    r"""Root of the mean over 500 directions of the squared $W_2$ of the projections of samples and test images."""
    x = generation.generated.finite.flatten(1)
    y = generation.test.images.flatten(1).to(x)
    count = min(len(x), len(y))
    with random.stream(torch.tensor(random.key(0, "directions"), device=x.device)):
        directions = F.normalize(random.normal((x.shape[1], DIRECTIONS), x), dim=0)
    x, y = (values[torch.arange(count) * len(values) // count] for values in (x, y))
    gaps = (x @ directions).sort(0).values - (y @ directions).sort(0).values
    return float(gaps.double().square().mean().sqrt())
