"""Rate. Alemi et al. 2018, https://arxiv.org/abs/1711.00464, equation 4."""

from torch import Tensor

from vaebench.evaluation.metric import metric


@metric(unit="nats", better=None, needs=("posterior", "prior"))
def rate(subject) -> Tensor:
    r"""$\mathrm{KL}(q(z|x) \| p(z))$, mean over the test set."""
    return subject.kl.double()
