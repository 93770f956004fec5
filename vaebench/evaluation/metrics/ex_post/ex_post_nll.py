"""Negative log evidence under a density in place of the prior. Ghosh et al. 2020, https://arxiv.org/abs/1903.12436,
section 4, where such a density is sampled from.
"""

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="nats", better="lower", tier="thorough")
def ex_post_nll(evidence) -> Estimate:
    r"""As `evidence_nll`, where $p(z)$ is the law of a sampler.

    The model was not trained for it: the value is held against no ELBO.
    """
    return evidence.estimate(-evidence.log_p)
