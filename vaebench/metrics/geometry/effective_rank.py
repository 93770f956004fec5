"""Directions that images depend on at a point. Roy & Vetterli 2007, EUSIPCO."""

from ...geometry import scalars
from ...metric import metric
from ...survey import PLACES
from . import finite


@metric(unit="", better="higher", table="geometry", over=PLACES)
def effective_rank(place) -> float:
    r"""$\exp H(s^2 / \sum_i s_i^2)$ of the singular values where codes have unit covariance; median over points."""
    return finite(place, scalars.effective_rank(place.singular_values).nanmedian())
