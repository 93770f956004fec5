"""Rate. Alemi et al. 2018, https://arxiv.org/abs/1711.00464, equation 4."""

from vaebench.evaluation.metric import metric


@metric(unit="nats", better=None, needs=("posterior", "prior"))
def rate(subject) -> float:
    r"""$\mathrm{KL}(q(z|x) \| p(z))$, mean over the test set."""
    return float(subject.kl.double().mean())
