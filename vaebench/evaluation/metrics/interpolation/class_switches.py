"""How often an interpolation passes from class to class."""

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PATHS


@metric(unit="", better="lower", least=0, over=PATHS)
def class_switches(curves) -> float:
    """Changes of the nearest training image's class between inner frames; mean over trusted pairs."""
    labels = curves.nearest[1]
    if not curves.survey.train.labels.unique().numel() > 1:
        raise Missing("all training images are of one class")
    return float((labels[:, 1:] != labels[:, :-1]).sum(-1).double().mean())
