"""Centred kernel alignment. Kornblith et al. 2019, https://arxiv.org/abs/1905.00414, equation 3, linear kernel."""

import numpy as np

from vaebench.evaluation.metric import metric


@metric(unit="", better="higher", least=0, most=1, needs=("continuous",), best="rotated codes", worst="noise")
def linear_cka(seeds) -> float:
    r"""$|Y^\top X|^2 / (|X^\top X| |Y^\top Y|)$ of centred codes, Frobenius norms; mean over the other seeds.

    It does not change where codes are turned or scaled as a whole.
    """
    return seeds.mean(lambda x, y: np.sum((y.T @ x) ** 2) / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))
