"""Magnification factor. Chen et al. 2018, https://arxiv.org/abs/1711.01204."""

from ...geometry import scalars
from ...metric import metric
from ...survey import PLACES
from . import finite


@metric(unit="nats", better=None, table="geometry", over=PLACES)
def log_magnification(place) -> float:
    r"""$\log \sqrt{\det G}$ where codes have unit covariance; median over points."""
    return finite(place, scalars.log_magnification(place.singular_values).nanmedian())
