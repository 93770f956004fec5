"""Directions that images depend on at a point. Roy & Vetterli 2007, EUSIPCO."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PLACES
from vaebench.geometry import scalars


@metric(unit="", better="higher", least=1, over=PLACES)
def effective_rank(cloud) -> float:
    r"""$\exp H(s^2 / \sum_i s_i^2)$ of the singular values where codes have unit covariance; median over points."""
    return cloud.finite(scalars.effective_rank(cloud.singular_values).nanmedian())
