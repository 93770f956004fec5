"""Metrics of the latent geometry: functions of a part of a `vaebench.survey.Survey`, registered by being here."""

from math import isfinite

from ...errors import VaebenchError
from ...geometry.scalars import reason


def finite(place, value) -> float:
    """``value``; raises `VaebenchError` with the reason where it is not finite."""
    if not isfinite(value):
        raise VaebenchError(reason(place.singular_values) or "it is not finite anywhere")
    return float(value)
