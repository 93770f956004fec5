"""Metrics of the latent geometry: functions of a part of a `vaebench.survey.Survey`, registered by being here."""

from ...errors import VaebenchError
from ...geometry.scalars import reason


def median(place, scalar) -> float:
    """Of a scalar of the metric over the points where it is regular; where it is nowhere, the reason is raised."""
    values = scalar(place.singular_values)
    regular = values[values.isfinite()]
    if not len(regular):
        raise VaebenchError(reason(place.singular_values))
    return float(regular.median())
