"""How evenly images change along a path."""

from ...metric import metric
from ...survey import PATHS


@metric(unit="", better="lower", table="interpolation", over=PATHS)
def speed_variation(path) -> float:
    """Standard deviation of the speed by its mean; mean over trusted pairs."""
    return float(path.survey.space.speed_variation(path.measured).mean())
