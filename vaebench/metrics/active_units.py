"""Active units. Burda et al. 2016, https://arxiv.org/abs/1509.00519, section 5.2."""

from ..metric import metric

THRESHOLD = 0.01


@metric(unit="units", better="higher", table="latent", needs=("posterior", "prior"))
def active_units(evaluation) -> float:
    r"""$\#\{i : \mathrm{Var}_x\,\mathbb E_{q(z|x)}[z_i] > 0.01\}$."""
    return float((evaluation.means.double().var(0, correction=0) > THRESHOLD).sum())
