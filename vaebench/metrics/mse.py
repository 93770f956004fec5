"""Mean squared error of reconstructions."""

from ..metric import metric


@metric(unit="", better="lower", table="reconstruction")
def mse(evaluation) -> float:
    """Per pixel, of the decoder's mean against grey pixels in [0, 1]; mean over the test set."""
    return float((evaluation.reconstructions - evaluation.grey).double().square().mean())
