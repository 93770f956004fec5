"""False positives at 95 % true positives. Hendrycks et al. 2019, https://arxiv.org/abs/1812.04606, section 4.1."""

import numpy as np

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="%", better="lower", least=0, most=100, best="separated scores", worst="the same images, 95 %")
def fpr_95(foreign) -> dict[str, Estimate]:
    """Own images whose score is at least that which 95 % of the foreign ones reach, by score."""
    return foreign.told(false_positives)


def false_positives(outside: np.ndarray, scores: np.ndarray) -> float:
    """Share of own images whose score reaches that of 95 % of the foreign ones."""
    threshold = np.sort(scores[outside])[outside.sum() // 20]
    return float((scores[~outside] >= threshold).mean())
