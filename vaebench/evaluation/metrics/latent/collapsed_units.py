"""Share of the latent that the posterior leaves to the prior. Lucas et al. 2019, https://arxiv.org/abs/1911.02469,
definition 1.
"""

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric

COLLAPSED = 0.01  # nats


@metric(unit="%", better="lower", least=0, most=100, needs=("posterior", "prior", "gaussian"), worst="mean")
def collapsed_units(subject) -> float:
    """Coordinates whose mean KL divergence from the prior is less than 0.01 nats."""
    divergence = subject.kl_per_dimension.double().mean(0)
    if divergence.isnan().any():
        raise Missing("its KL divergence is not a number")
    return 100 * float((divergence < COLLAPSED).double().mean())
