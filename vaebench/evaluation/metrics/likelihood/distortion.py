"""Distortion. Alemi et al. 2018, https://arxiv.org/abs/1711.00464, equation 3."""

from torch import Tensor

from vaebench.evaluation.metric import metric


@metric(unit="nats", better=None, needs=("likelihood",))
def distortion(subject) -> Tensor:
    r"""$-\mathbb E_q[\log p(x|z)]$, mean over the test set."""
    return -subject.log_px.double()
