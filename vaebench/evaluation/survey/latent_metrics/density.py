r"""Pull-back of the Euclidean metric by the mean image, times $q(z)^{-2/d}$.

$q$ is the density of the codes of training images, $d$ the number of dimensions: a length is then a Fermat distance,
small where codes are dense. Groisman et al. 2022, https://doi.org/10.1090/proc/16025, with the exponent 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from vaebench.geometry import metrics

if TYPE_CHECKING:
    from vaebench.evaluation.survey.survey import Survey


def density(survey: Survey) -> metrics.Conformal:
    """Of scale 1 at the geometric mean of $q$ over the codes."""
    balls, (codes, _) = survey.balls, survey.trained
    centre = balls.log_density(codes).mean()

    def log_scale(y: Tensor) -> Tensor:
        return (centre - balls.log_density(y)) / y.shape[-1]

    return metrics.Conformal(metrics.metric(survey.decoder, "euclidean"), log_scale)
