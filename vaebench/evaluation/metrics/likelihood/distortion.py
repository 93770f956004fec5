"""Distortion. Alemi et al. 2018, https://arxiv.org/abs/1711.00464, equation 3."""

from vaebench.evaluation.metric import metric


@metric(unit="nats", better=None, needs=("likelihood",))
def distortion(subject) -> float:
    r"""$-\mathbb E_q[\log p(x|z)]$, mean over the test set."""
    return -float(subject.log_px.double().mean())
