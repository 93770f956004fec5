"""Divergence of each coordinate of the aggregated posterior from the prior. Chen et al. 2018,
https://arxiv.org/abs/1802.04942, equation 2.
"""

from torch import Tensor

from vaebench.evaluation.metric import metric


@metric(unit="nats", better="lower", needs=("posterior", "prior", "gaussian"), called="dimension-wise KL")
def dimension_wise_kl(subject) -> Tensor:
    r"""$\sum_k \mathrm{KL}(q(z_k) \| p(z_k))$: with the total correlation the marginal KL."""
    return subject.aggregate.parts - subject.aggregate.prior
