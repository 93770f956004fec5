"""Effective sample size of the importance weights behind the NLL. Kong 1992, technical report 348, Chicago."""

from vaebench.evaluation.metric import metric


@metric(unit="samples", better=None, least=1, needs=("posterior", "draws", "prior", "likelihood"))
def effective_sample_size(subject) -> float:
    r"""$(\sum_k w_k)^2 / \sum_k w_k^2$, mean over images; below 1 % of K the NLL is a loose bound."""
    log_w = subject.log_w.double()
    return float((2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp().mean())
