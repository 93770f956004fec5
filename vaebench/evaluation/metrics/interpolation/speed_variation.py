"""How evenly images change along a curves."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PATHS


@metric(unit="", better="lower", over=PATHS)
def speed_variation(curves) -> float:
    """Standard deviation of the speed by its mean; mean over trusted pairs."""
    return float(curves.survey.space.speed_variation(curves.measured).mean())
