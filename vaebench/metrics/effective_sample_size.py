"""Effective sample size of the importance weights behind the NLL. Kong 1992, technical report 348, Chicago."""

from ..metric import metric


@metric(unit="samples", better=None, table="likelihood", needs=("posterior", "draws", "prior", "likelihood"))
def effective_sample_size(evaluation) -> float:
    r"""$(\sum_k w_k)^2 / \sum_k w_k^2$, mean over images; below 1 % of K the NLL is a loose bound."""
    log_w = evaluation.log_w.double()
    return float((2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0)).exp().mean())
