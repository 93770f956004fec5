"""Whether samples lie nearer to training than to test images. Meehan et al. 2020, https://arxiv.org/abs/2004.05675."""

import torch

from vaebench.evaluation.generation import CHUNK
from vaebench.evaluation.metric import metric


@metric(unit="%", better=None, least=0, most=100, best="test images of another half", worst="training images")
def memorisation(generation) -> float:
    """Samples whose nearest image in the judge's features is of the training set and not of the test set.

    Of both sets are taken as many images: 50 % says that samples know no training image better than any other.
    """
    x, train, test = (images.features for images in (generation.generated, generation.train, generation.test))
    count = min(len(train), len(test))
    train, test = (values[torch.arange(count) * len(values) // count] for values in (train, test))
    nearer = [torch.cdist(part, train).amin(1) < torch.cdist(part, test).amin(1) for part in x.split(CHUNK)]
    return 100 * float(torch.cat(nearer).double().mean())
