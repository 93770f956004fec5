"""Scalar curvature by the Gauss equation: twice Gauss's for two latents."""

from ...metric import metric
from ...survey import PLACES
from . import finite


@metric(unit="", better=None, table="curvature", over=PLACES)
def scalar_curvature(place) -> float:
    r"""Times $c^2 = \mathbb E\,\mathrm{tr}\,G / d$, hence free of the scale of images; median over points."""
    return finite(place, place.scalar_curvature.nanmedian())
