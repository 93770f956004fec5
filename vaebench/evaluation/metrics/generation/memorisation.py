"""Whether samples lie nearer to training than to test images. Meehan et al. 2020, https://arxiv.org/abs/2004.05675."""

import torch

from vaebench.evaluation.generation import CHUNK
from vaebench.evaluation.metric import metric
from vaebench.evaluation.subject import evenly


@metric(
    unit="%",
    better=None,
    least=0,
    most=100,
    best="images of neither set, 50 %",
    worst="the training images taken",
)
def memorisation(generation) -> float:
    """Samples whose nearest image in pixels is of the training set and not of the test set.

    Of both sets are taken as many images, evenly spaced: 50 % says that samples know no training image better than any
    other, 100 % that all are copies of those taken. In the judge's features, which were learnt from the training
    images, these would be the nearer ones to any sample.
    """
    x = generation.generated.finite.flatten(1)
    sets = generation.train.images, generation.test.images
    count = min(map(len, sets))
    train, test = (images[evenly(count, len(images))].flatten(1).to(x) for images in sets)
    nearer = [torch.cdist(part, train).amin(1) < torch.cdist(part, test).amin(1) for part in x.split(CHUNK)]
    return 100 * float(torch.cat(nearer).double().mean())
