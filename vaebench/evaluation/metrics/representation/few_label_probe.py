"""Classes from codes by a linear map that knows few labels. Zhai et al. 2019, https://arxiv.org/abs/1905.03670."""

import numpy as np

from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.representation._probe import linear


@metric(
    unit="%",
    better="higher",
    least=0,
    most=100,
    needs=("labels",),
    best="classes",
    worst="noise",
    called="1 % label probe",
)
def few_label_probe(representation) -> float:
    """As `logistic_probe`, of 1 % of each class of the training images, evenly spaced, and at least one."""
    codes, labels = representation.training
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    counts = [max(1, round(len(places) / 100)) for places in classes]
    chosen = np.concatenate(
        [places[np.arange(count) * len(places) // count] for places, count in zip(classes, counts, strict=True)]
    )
    return linear(codes[chosen], labels[chosen], representation.codes, representation.labels)
