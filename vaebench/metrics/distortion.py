"""Distortion. Alemi et al. 2018, https://arxiv.org/abs/1711.00464, equation 3."""

from ..metric import metric


@metric(unit="nats", better=None, table="likelihood", needs=("likelihood",))
def distortion(evaluation) -> float:
    r"""$-\mathbb E_q[\log p(x|z)]$, mean over the test set."""
    return -float(evaluation.log_px.double().mean())
