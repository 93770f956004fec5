"""Sectional curvature of random planes by the Gauss equation."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PLACES


@metric(unit="", better=None, over=PLACES)
def sectional_curvature(cloud) -> float:
    r"""Times $c^2 = \mathbb E\,\mathrm{tr}\,G / d$, of one plane at each point; median over points."""
    return cloud.finite(cloud.sectional_curvature.nanmedian())
