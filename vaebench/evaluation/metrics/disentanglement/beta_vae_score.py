"""Score of the beta-VAE. Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.disentanglement._groups import TEST, TRAINING, sharing

PAIRS = 64


@metric(
    unit="",
    better="higher",
    least=0,
    most=1,
    needs=("euclidean",),
    best="true factors",
    worst="noise",
    called="β-VAE score",
)
def beta_vae_score(factors) -> float:
    """Accuracy of a linear classifier that is to say which factor the images of 64 pairs share in each pair.

    It sees the mean absolute difference of each standardised coordinate, is fitted to training images and scored on
    test images; chance is one over the number of factors.
    """
    generator = np.random.Generator(np.random.PCG64(0))
    codes, values = factors.training
    linear = LogisticRegression(max_iter=300).fit(*_examples(codes, values, TRAINING, generator))
    return float(linear.score(*_examples(factors.codes, factors.factors, TEST, generator)))


def _examples(
    codes: np.ndarray, factors: np.ndarray, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mean differences (examples, latent), and which factor is shared (examples,)."""
    each = count // factors.shape[1]
    differences = []
    for values in factors.T:
        pairs = sharing(values, each * PAIRS, 2, generator).reshape(each, PAIRS, 2)
        found = [np.abs(code[pairs[..., 0]] - code[pairs[..., 1]]).mean(1) for code in codes.T]
        differences.append(np.stack(found, 1))
    return np.concatenate(differences), np.repeat(np.arange(factors.shape[1]), each)
