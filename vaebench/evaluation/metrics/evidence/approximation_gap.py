"""What no Gaussian posterior can reach. Cremer, Li & Duvenaud 2018, https://arxiv.org/abs/1801.03558, section 3."""

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="nats", better="lower", needs=("gaussian_posterior", "prior", "likelihood"), tier="thorough")
def approximation_gap(subject) -> Estimate:
    r"""$\log p(x) - \mathcal L(q^*)$, mean over evenly spaced test images: $q^*$ is refined for each to maximise the
    ELBO $\mathcal L$; too small by as much as $\log p(x)$ is."""
    _, best = subject.evidence.elbos
    return subject.evidence.estimate(subject.evidence.log_p - best)
