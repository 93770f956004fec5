"""How many geodesics can be relied on."""

from vaebench.evaluation.metric import metric


@metric(unit="%", better=None, least=0, most=100)
def trusted_geodesics(survey) -> float:
    """Pairs whose geodesic converged and changes its length by 1 % at most when its resolution doubles."""
    return 100 * len(survey.trusted) / len(survey.geodesics.trusted)
