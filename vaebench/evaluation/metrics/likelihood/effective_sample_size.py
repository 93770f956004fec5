"""Effective sample size of the importance weights behind the NLL. Kong 1992, technical report 348, Chicago."""

from vaebench.evaluation.metric import metric
from vaebench.evaluation.subject import of_weights


@metric(unit="samples", better=None, least=1, needs=("posterior", "draws", "prior", "likelihood"))
def effective_sample_size(subject) -> float:
    r"""$(\sum_k w_k)^2 / \sum_k w_k^2$, mean over images; below 1 % of K the NLL is a loose bound."""
    log_sizes = of_weights(subject.log_w, lambda some: 2 * some.logsumexp(0) - (2 * some).logsumexp(0))
    return float(log_sizes.exp().mean())
