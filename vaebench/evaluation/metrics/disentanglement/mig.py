"""Mutual information gap. Chen et al. 2018, https://arxiv.org/abs/1802.04942."""

import numpy as np
from sklearn.metrics import mutual_info_score

from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.disentanglement._information import information


@metric(unit="", better="higher", least=0, most=1, needs=("euclidean",), best="true factors", worst="noise")
def mig(factors) -> float:
    """Mean over factors of how much more the coordinate that tells most of it tells than the next, over its entropy.

    Of point estimates of test images in 20 bins, where the paper samples the posterior.
    """
    ordered = np.sort(information(factors.codes, factors.factors), axis=0)
    entropies = [mutual_info_score(values, values) for values in factors.factors.T]
    return float(((ordered[-1] - ordered[-2]) / entropies).mean())
