"""Distance of the metric from a multiple of the unit matrix. Chen et al. 2020, https://arxiv.org/abs/2002.04881."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PLACES
from vaebench.geometry import scalars


@metric(unit="", better="lower", least=0, over=PLACES)
def flatness(cloud) -> float:
    r"""$\mathbb E \|G / c^2 - 1\|_F^2 / d$ with $c^2 = \mathbb E\,\mathrm{tr}\,G / d$: 0 is isometric."""
    return cloud.finite(scalars.flatness(cloud.singular_values))
