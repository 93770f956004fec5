"""Modularity. Ridgeway & Mozer 2018, https://arxiv.org/abs/1802.05312."""

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric
from vaebench.evaluation.metrics.disentanglement._information import information


@metric(unit="", better="higher", least=0, most=1, needs=("euclidean",), best="true factors", worst="noise")
def modularity(factors) -> float:
    r"""Mean over coordinates of $1 - \sum_{f \ne f^*} I_f^2 / ((F - 1) I_{f^*}^2)$, $f^*$ what it tells most of.

    The mutual information $I_f$ with each of $F$ factors is that of point estimates of test images in 20 bins.
    Coordinates that tell nothing are left out. It is not 0 for noise, which tells factors of many values more by
    chance.
    """
    squares = information(factors.codes, factors.factors) ** 2
    most = squares.max(1)
    told = most > 0
    if not told.any():
        raise Missing("no coordinate of its codes tells anything of a factor")
    rest = squares[told].sum(1) / most[told] - 1
    return float(1 - (rest / (squares.shape[1] - 1)).mean())
