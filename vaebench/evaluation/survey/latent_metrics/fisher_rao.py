"""Pull-back of the Fisher-Rao metric of the likelihood."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vaebench.geometry import metrics

if TYPE_CHECKING:
    from vaebench.evaluation.survey.survey import Survey


def fisher_rao(survey: Survey) -> metrics.MetricTensor:
    return metrics.metric(survey.decoder, "fisher_rao")
