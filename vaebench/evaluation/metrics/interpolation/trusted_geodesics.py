"""How many geodesics can be relied on."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PATHS


@metric(unit="%", better=None, least=0, most=100, over=PATHS[1:])
def trusted_geodesics(curves) -> float:
    """Pairs whose geodesic converged and changes its length by 1 % at most when its resolution doubles."""
    return 100 * len(curves.paths.trusted) / len(curves.paths.geodesics.trusted)
