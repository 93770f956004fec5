"""Pull-back of the Euclidean metric by the mean image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaebench.geometry import metrics

if TYPE_CHECKING:
    from vaebench.evaluation.survey.survey import Survey


def euclidean(survey: Survey) -> metrics.MetricTensor:
    return metrics.metric(survey.decoder, "euclidean")
