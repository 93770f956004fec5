"""Score of the FactorVAE. Kim & Mnih 2018, https://arxiv.org/abs/1802.05983."""

import numpy as np

from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.disentanglement._groups import TEST, TRAINING, sharing

SIZE = 64  # images that share a factor


@metric(
    unit="",
    better="higher",
    least=0,
    most=1,
    needs=("euclidean",),
    best="true factors",
    worst="noise",
    called="FactorVAE score",
)
def factor_vae_score(factors) -> float:
    """How often the coordinate that varies least among 64 images says which factor they share, by majority vote.

    Variances are of standardised codes. The vote of a coordinate is settled on training images, and the score is on
    test images; chance is one over the number of factors.
    """
    generator = np.random.Generator(np.random.PCG64(0))
    codes, values = factors.training
    votes = _votes(codes, values, TRAINING, generator).argmax(1)
    found = _votes(factors.codes, factors.factors, TEST, generator)
    return float(found[np.arange(len(votes)), votes].sum() / found.sum())


def _votes(codes: np.ndarray, factors: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """How often each coordinate varies least where each factor is shared, (latent, factors)."""
    votes = []
    for values in factors.T:
        numbers = sharing(values, count // factors.shape[1], SIZE, generator)
        least = np.argmin([code[numbers].var(1) for code in codes.T], axis=0)
        votes.append(np.bincount(least, minlength=codes.shape[1]))
    return np.array(votes).T
