"""Divergence of the aggregated posterior from the prior. Hoffman & Johnson 2016,
http://approximateinference.org/accepted.
"""

from vaebench.evaluation.aggregate import mean
from vaebench.evaluation.metric import Estimate, metric


@metric(unit="nats", better="lower", needs=("posterior", "prior", "density"))
def marginal_kl(subject) -> Estimate:
    r"""$\mathrm{KL}(q(z) \| p(z))$: with the mutual information the rate of the same draws."""
    return mean(subject.aggregate.whole - subject.aggregate.prior)
