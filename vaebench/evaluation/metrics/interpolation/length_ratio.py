"""How much shorter geodesics are than straight lines."""

from vaebench.evaluation.metric import metric


@metric(unit="", better=None, least=0)
def length_ratio(survey) -> float:
    """Length of the geodesic by that of the latent space's straight line; mean over trusted pairs."""
    return float((survey.parts["geodesic"].lengths / survey.parts["line"].lengths).mean())
