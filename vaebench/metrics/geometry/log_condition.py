"""Anisotropy of the pull-back metric."""

from ...errors import VaebenchError
from ...geometry import scalars
from ...metric import metric
from ...survey import PLACES
from . import finite


@metric(unit="", better="lower", table="geometry", over=PLACES)
def log_condition(place) -> float:
    r"""$\log_{10} (s_1 / s_d)$ of the singular values where codes have unit covariance; median over points."""
    if place.survey.manifold.dimension < 2:
        raise VaebenchError("a condition number needs two active latent directions, and there is one")
    return finite(place, scalars.log_condition(place.singular_values).nanmedian())
