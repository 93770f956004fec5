"""Classes from codes by a linear map. Alain & Bengio 2017, https://arxiv.org/abs/1610.01644."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.representation._probe import linear


@metric(unit="%", better="higher", least=0, most=100, needs=("labels",), best="classes", worst="noise")
def logistic_probe(representation) -> float:
    """Accuracy on test images of a logistic regression on standardised codes of training images, up to 10,000."""
    codes, labels = representation.training
    return linear(codes, labels, representation.codes, representation.labels)
