"""How far interpolated images are from data."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PATHS


@metric(unit="", better="lower", least=0, over=PATHS)
def data_distance(curves) -> float:
    """Root mean square difference per pixel to the nearest training image; mean over inner frames and trusted pairs."""
    return float(curves.nearest[0].double().mean())
