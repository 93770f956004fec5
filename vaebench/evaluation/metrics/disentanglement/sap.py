"""Separated attribute predictability. Kumar et al. 2018, https://arxiv.org/abs/1711.00848."""

import numpy as np
from sklearn.tree import DecisionTreeClassifier

from vaebench.evaluation.metric import metric


@metric(unit="", better="higher", least=0, most=1, needs=("euclidean",), best="true factors", worst="noise")
def sap(factors) -> float:
    """Mean over factors of how much better the coordinate that predicts it best does so than the next.

    A prediction is made by thresholds on one coordinate, one fewer than values, that are fitted to training images. It
    scores by its balanced accuracy on test images, from 0 for chance, where the paper leaves it, to 1.
    """
    codes, values = factors.training
    scores = [
        [_score(code, told, test, answers) for told, answers in zip(values.T, factors.factors.T, strict=True)]
        for code, test in zip(codes.T, factors.codes.T, strict=True)
    ]
    ordered = np.sort(scores, axis=0)
    return float((ordered[-1] - ordered[-2]).mean())


def _score(code: np.ndarray, values: np.ndarray, test: np.ndarray, answers: np.ndarray) -> float:
    tree = DecisionTreeClassifier(max_leaf_nodes=len(np.unique(values)), class_weight="balanced", random_state=0)
    right = tree.fit(code[:, None], values).predict(test[:, None]) == answers
    recalls = [right[answers == value].mean() for value in np.unique(answers)]
    chance = 1 / len(recalls)
    return max(0.0, (float(np.mean(recalls)) - chance) / (1 - chance))
