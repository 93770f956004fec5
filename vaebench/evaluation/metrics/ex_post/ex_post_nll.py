"""Negative log evidence under a density in place of the prior. Ghosh et al. 2020, https://arxiv.org/abs/1903.12436,
section 4, where such a density is sampled from.
"""

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="nats", better="lower", tier="thorough")
def ex_post_nll(evidence) -> Estimate:
    r"""$-\log \int p(x|z)\,p(z)\,dz$ as `evidence_nll`, $p(z)$ the law of the sampler: no model was trained for it, so that
    it is held against no ELBO."""
    return evidence.estimate(-evidence.log_p)
