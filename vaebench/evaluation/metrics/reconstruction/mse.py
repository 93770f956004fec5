"""Mean squared error of reconstructions."""

from vaebench.evaluation.metric import metric


@metric(unit="", better="lower")
def mse(subject) -> float:
    """Per pixel, of the decoder's mean against grey pixels in [0, 1]; mean over the test set."""
    return float((subject.reconstructions - subject.grey).double().square().mean())
