"""How evenly images change along a curve."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PATHS


@metric(unit="", better="lower", least=0, over=PATHS)
def speed_variation(curves) -> float:
    """Standard deviation of the speed by its mean; mean over trusted pairs."""
    return float(curves.survey.space.speed_variation(curves.measured).mean())
