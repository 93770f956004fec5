"""Procrustes distance. Schonemann 1966, https://doi.org/10.1007/BF02289451; of representations, Williams et al. 2021,
https://arxiv.org/abs/2110.14739.
"""

import numpy as np

from vaebench.evaluation.metric import metric


@metric(
    unit="",
    better="lower",
    least=0,
    most=1,
    needs=("continuous",),
    best="rotated codes",
    worst="noise",
    called="Procrustes distance",
)
def procrustes_distance(seeds) -> float:
    r"""$1 - |X^\top Y|_*^2$ of centred codes of unit norm: the least squared distance of one from the other after the
    best rotation, reflection and scaling of it; mean over the other seeds.
    """
    return seeds.mean(_distance)


def _distance(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return max(0.0, 1 - float(np.linalg.norm(x.T @ y, "nuc")) ** 2)
