"""Magnification factor. Chen et al. 2018, https://arxiv.org/abs/1711.01204."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.survey import PLACES
from vaebench.geometry import scalars


@metric(unit="nats", better=None, over=PLACES)
def log_magnification(cloud) -> float:
    r"""$\log \sqrt{\det G}$ where codes have unit covariance; median over points."""
    return cloud.finite(scalars.log_magnification(cloud.singular_values).nanmedian())
