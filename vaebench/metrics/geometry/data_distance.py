"""How far interpolated images are from data."""

from ...metric import metric
from ...survey import PATHS


@metric(unit="", better="lower", table="interpolation", over=PATHS)
def data_distance(path) -> float:
    """Root mean square difference per pixel to the nearest training image; mean over inner frames and trusted pairs."""
    return float(path.nearest[0].double().mean())
