"""Anisotropy of the pull-back metric."""

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PLACES
from vaebench.geometry import scalars


@metric(unit="", better="lower", least=0, over=PLACES)
def log_condition(cloud) -> float:
    r"""$\log_{10} (s_1 / s_d)$ of the singular values where codes have unit covariance; median over points."""
    if cloud.survey.manifold.dimension < 2:
        raise Missing("a condition number needs two active latent directions, and there is one")
    return cloud.finite(scalars.log_condition(cloud.singular_values).nanmedian())
