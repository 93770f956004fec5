"""Active units. Burda et al. 2016, https://arxiv.org/abs/1509.00519, section 5.2."""

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric

THRESHOLD = 0.01


@metric(unit="units", better="higher", least=0, needs=("posterior", "euclidean", "prior"), worst="mean")
def active_units(subject) -> float:
    r"""$\#\{i : \mathrm{Var}_x\,\mathbb E_{q(z|x)}[z_i] > 0.01\}$.

    The variance is the covariance of two estimates of the expectation whose errors are independent, hence unbiased.
    """
    one, other = subject.expectations
    variance = ((one - one.mean(0)) * (other - other.mean(0))).mean(0)
    if variance.isnan().any():
        raise Missing("the expectation of its posterior is not a number")
    return float((variance > THRESHOLD).sum())
