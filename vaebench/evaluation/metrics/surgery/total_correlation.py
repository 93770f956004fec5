"""Total correlation of the aggregated posterior. Chen et al. 2018, https://arxiv.org/abs/1802.04942, equation 2."""

from torch import Tensor

from vaebench.evaluation.metric import metric


@metric(unit="nats", better="lower", needs=("posterior", "prior", "gaussian"))
def total_correlation(subject) -> Tensor:
    r"""$\mathrm{KL}(q(z) \| \prod_k q(z_k))$."""
    return subject.aggregate.whole - subject.aggregate.parts
