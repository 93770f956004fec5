"""How many dimensions codes fill. Facco et al. 2017, https://doi.org/10.1038/s41598-017-11873-y."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric

KEPT = 0.9
EQUAL = 1e-5  # log ratio of distances that are the same but for rounding


@metric(unit="", better=None, least=0, needs=("continuous",))
def intrinsic_dimension(representation) -> float:
    r"""TwoNN of test codes: the slope through 0 of $-\log(1 - F(\mu))$ against $\log \mu$ for the 90 % least ratios
    $\mu$ of the distances to the second and the first neighbour. Codes that stand twice count once.
    """
    codes = np.unique(representation.codes, axis=0)
    if len(codes) < 10:
        raise Missing(f"it has {len(codes)} different codes, too few to have a dimension")
    distances = NearestNeighbors(n_neighbors=3).fit(codes).kneighbors()[0]
    ratios = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    x = ratios[: int(KEPT * len(ratios))]
    y = -np.log1p(-np.arange(1, len(x) + 1) / len(ratios))
    if x[-1] < EQUAL:
        raise Missing("all of its codes are as far from their first as from their second neighbour")
    return float(x @ y / (x @ x))
