"""Sectional curvature of random planes by the Gauss equation."""

from ...metric import metric
from ...survey import PLACES
from . import finite


@metric(unit="", better=None, table="curvature", over=PLACES)
def sectional_curvature(place) -> float:
    r"""Times $c^2 = \mathbb E\,\mathrm{tr}\,G / d$, of one plane at each point; median over points."""
    return finite(place, place.sectional_curvature.nanmedian())
