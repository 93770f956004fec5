"""How many latent directions codes use; the geometry is that of these alone."""

from vaebench.evaluation.metric import metric


@metric(unit="directions", better=None, least=0)
def active_directions(survey) -> float:
    r"""Eigenvalues of the codes' covariance above 0.01, or of the largest one's hundredth without a normal prior."""
    return float(survey.manifold.dimension)
