"""Disentanglement, completeness, informativeness. Eastwood & Williams 2018,
https://openreview.net/forum?id=By-7dz-AZ.
"""

import numpy as np
from scipy.stats import entropy
from sklearn.ensemble import ExtraTreesClassifier

from vaebench.evaluation.metric import metric
from vaebench.evaluation.subject import evenly

TRAINING = 5_000  # images


@metric(unit="", better="higher", least=0, most=1, needs=("euclidean",), best="true factors", worst="noise")
def dci(factors) -> dict[str, float]:
    """How few factors each coordinate matters to, how few coordinates matter to each factor, and how well all tell it.

    The last is the accuracy on test images of 20 extremely randomised trees for each factor (Geurts et al. 2006,
    https://doi.org/10.1007/s10994-006-6226-1), and what matters is the impurity that a coordinate removes in them. They
    weigh all coordinates at each split: trees that are shown but some have to split by ones that say nothing, and true
    factors then score less than 1.
    """
    codes, values = factors.training
    few = evenly(TRAINING, len(codes)).numpy()
    importance, accuracy = [], []
    for told, answers in zip(values[few].T, factors.factors.T, strict=True):
        trees = ExtraTreesClassifier(20, max_features=None, min_samples_leaf=5, random_state=0).fit(codes[few], told)
        importance.append(trees.feature_importances_)
        accuracy.append(trees.score(factors.codes, answers))
    matters = np.array(importance).T
    weights = matters.sum(1)
    used = weights > 0
    spread = entropy(matters[used], base=matters.shape[1], axis=1)
    return {
        "disentanglement": float(1 - np.average(spread, weights=weights[used])),
        "completeness": float(1 - entropy(matters, base=matters.shape[0], axis=0).mean()),
        "informativeness": float(np.mean(accuracy)),
    }
