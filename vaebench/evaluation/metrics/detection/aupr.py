"""Area under the precision-recall curve. Hendrycks & Gimpel 2017, https://arxiv.org/abs/1610.02136."""

import numpy as np
from sklearn.metrics import average_precision_score

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="%", better="higher", least=0, most=100, best="separated scores", worst="the same images, 50 %")
def aupr(foreign) -> dict[str, Estimate]:
    """Average precision of foreign images by score, as if there were as many of them as own ones; 50 is chance."""
    return foreign.told(average_precision)


def average_precision(outside: np.ndarray, scores: np.ndarray) -> float:
    r"""$\sum_i (t_i - t_{i-1}) \frac{t_i}{t_i + f_i}$ of the true and false positive rates $t_i$, $f_i$ at each score.

    It is that of equal numbers: of nine foreign images in ten, 90 % would be chance.
    """
    balance = (~outside).sum() / outside.sum()
    return average_precision_score(outside, scores, sample_weight=np.where(outside, balance, 1.0))
