"""Scalar curvature by the Gauss equation: twice Gauss's for two latents."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PLACES


@metric(unit="", better=None, over=PLACES)
def scalar_curvature(cloud) -> float:
    r"""Times $c^2 = \mathbb E\,\mathrm{tr}\,G / d$, hence free of the scale of images; median over points."""
    return cloud.finite(cloud.scalar_curvature.nanmedian())
