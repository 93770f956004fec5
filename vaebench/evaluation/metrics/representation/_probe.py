"""What the probes share."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from vaebench.errors import Missing


def linear(codes: np.ndarray, labels: np.ndarray, test: np.ndarray, answers: np.ndarray) -> float:
    """Accuracy in per cent of a logistic regression of codes (n, latent) and labels (n,) on others."""
    if len(np.unique(labels)) < 2:
        raise Missing("the training images are of one class")
    found = LogisticRegression(max_iter=300).fit(codes, labels)
    return 100 * float((found.predict(test) == answers).mean())
