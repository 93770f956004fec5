"""How far the classes of samples are from those of test images, as inception scores are told from labels alone."""

import torch

from vaebench.evaluation.metric import metric


@metric(unit="nats", better="lower", least=0, needs=("classes",), best="training images", worst="the mean image")
def label_divergence(generation) -> float:
    r"""$\mathrm{KL}(\bar p \| \bar p')$ of the judge's mean probabilities of the classes of samples and test images."""
    p, q = (images.probabilities.mean(0) for images in (generation.generated, generation.test))
    return float((torch.xlogy(p, p) - torch.xlogy(p, q)).sum())
