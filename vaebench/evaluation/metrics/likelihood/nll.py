"""Negative log-likelihood by importance sampling. Burda et al. 2016, https://arxiv.org/abs/1509.00519, equation 8."""

from math import log

from vaebench.evaluation.metric import metric


@metric(unit="nats", better="lower", needs=("posterior", "draws", "prior", "likelihood"))
def nll(subject) -> float:
    r"""$-\log \frac1K \sum_k p(x, z_k) / q(z_k|x)$, in expectation an upper bound of $-\log p(x)$; mean over images."""
    log_w = subject.log_w.double()
    return log(len(log_w)) - float(log_w.logsumexp(0).mean())
