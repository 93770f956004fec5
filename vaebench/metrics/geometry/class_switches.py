"""How often an interpolation passes from class to class."""

from ...metric import metric
from ...survey import PATHS


@metric(unit="", better="lower", table="interpolation", over=PATHS)
def class_switches(path) -> float:
    """Changes of the nearest training image's class between inner frames; mean over trusted pairs."""
    labels = path.nearest[1]
    return float((labels[:, 1:] != labels[:, :-1]).sum(-1).double().mean())
