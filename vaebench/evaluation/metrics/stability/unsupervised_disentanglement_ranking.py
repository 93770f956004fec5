"""Unsupervised disentanglement ranking. Duan et al. 2020, https://arxiv.org/abs/1905.12614, equation 2."""

import numpy as np
from scipy.stats import rankdata

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric
from vaebench.evaluation.seeds import centred

INFORMATIVE = 0.01  # nats of mean KL divergence from which a coordinate counts


@metric(
    unit="",
    better="higher",
    least=0,
    most=1,
    needs=("gaussian",),
    best="permuted codes",
    worst="rotated codes",
    called="UDR",
)
def unsupervised_disentanglement_ranking(seeds) -> float:
    r"""Whether each informative coordinate of one seed is one coordinate of another, up to sign.

    Of the absolute Spearman correlations $R_{ab}$ of two seeds' coordinates, the mean over informative rows and columns
    of $\max R^2 / \sum R$; mean over the other seeds.
    """
    own = _informative(seeds.own)
    return float(np.mean([_alike(own, _informative(other)) for other in seeds.others]))


def _informative(subject) -> np.ndarray:
    """Ranks of the informative coordinates over the test set, centred and of unit norm, (images, informative)."""
    codes = centred(subject.means)
    chosen = (subject.kl_per_dimension.double().mean(0) > INFORMATIVE).cpu().numpy() & (np.ptp(codes, 0) > 0)
    if not chosen.any():
        raise Missing("no coordinate of its latents, or of another seed's, is informative")
    ranks = rankdata(codes[:, chosen], axis=0)
    ranks = ranks - ranks.mean(0)
    return ranks / np.linalg.norm(ranks, axis=0)


def _alike(x: np.ndarray, y: np.ndarray) -> float:
    correlations = np.abs(x.T @ y)
    rows, columns = (correlations.max(axis) ** 2 / correlations.sum(axis) for axis in (1, 0))
    return float(np.concatenate([rows, columns]).mean())
