"""What the metrics of information share."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import mutual_info_score

BINS = 20


def information(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Mutual information of each coordinate, in 20 bins of equal width, and each factor, nats, (latent, factors).

    The discretisation is that of Locatello et al. 2019, https://arxiv.org/abs/1811.12359.
    """
    binned = [np.digitize(code, np.histogram_bin_edges(code, BINS)[1:-1]) for code in codes.T]
    return np.array([[mutual_info_score(values, code) for values in factors.T] for code in binned])
