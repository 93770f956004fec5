"""Rate. Alemi et al. 2018, https://arxiv.org/abs/1711.00464, equation 4."""

from ..metric import metric


@metric(unit="nats", better=None, table="likelihood", needs=("posterior", "prior"))
def rate(evaluation) -> float:
    r"""$\mathrm{KL}(q(z|x) \| p(z))$, mean over the test set."""
    return float(evaluation.kl.double().mean())
