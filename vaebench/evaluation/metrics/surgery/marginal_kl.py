"""Divergence of the aggregated posterior from the prior. Hoffman & Johnson 2016,
http://approximateinference.org/accepted.
"""

from torch import Tensor

from vaebench.evaluation.metric import metric


@metric(unit="nats", better="lower", needs=("posterior", "prior", "density"))
def marginal_kl(subject) -> Tensor:
    r"""$\mathrm{KL}(q(z) \| p(z))$: with the mutual information the rate of the same draws."""
    return subject.aggregate.whole - subject.aggregate.prior
