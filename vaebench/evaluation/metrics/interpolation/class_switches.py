"""How often an interpolation passes from class to class."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PATHS


@metric(unit="", better="lower", over=PATHS)
def class_switches(curves) -> float:
    """Changes of the nearest training image's class between inner frames; mean over trusted pairs."""
    labels = curves.nearest[1]
    return float((labels[:, 1:] != labels[:, :-1]).sum(-1).double().mean())
