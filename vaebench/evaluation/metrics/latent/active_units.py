"""Active units. Burda et al. 2016, https://arxiv.org/abs/1509.00519, section 5.2."""

from vaebench.evaluation.metric import metric

THRESHOLD = 0.01


@metric(unit="units", better="higher", needs=("posterior", "prior"))
def active_units(subject) -> float:
    r"""$\#\{i : \mathrm{Var}_x\,\mathbb E_{q(z|x)}[z_i] > 0.01\}$."""
    return float((subject.means.double().var(0, correction=0) > THRESHOLD).sum())
