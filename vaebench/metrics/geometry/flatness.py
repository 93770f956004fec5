"""Distance of the metric from a multiple of the unit matrix. Chen et al. 2020, https://arxiv.org/abs/2002.04881."""

from ...geometry import scalars
from ...metric import metric
from ...survey import PLACES
from . import finite


@metric(unit="", better="lower", table="geometry", over=PLACES)
def flatness(place) -> float:
    r"""$\mathbb E \|G / c^2 - 1\|_F^2 / d$ with $c^2 = \mathbb E\,\mathrm{tr}\,G / d$: 0 is isometric."""
    return finite(place, scalars.flatness(place.singular_values))
