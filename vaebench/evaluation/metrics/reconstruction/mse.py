"""Mean squared error of reconstructions."""

from torch import Tensor

from vaebench.evaluation.metric import metric


@metric(unit="", better="lower", least=0, best="copy", worst="mean")
def mse(subject) -> Tensor:
    """Per pixel, of the decoder's mean against grey pixels in [0, 1], or values in their own unit; mean over images."""
    return subject.squared_errors
