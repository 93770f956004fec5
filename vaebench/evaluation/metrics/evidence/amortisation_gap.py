"""What the encoder falls short of its best Gaussian by. Cremer, Li & Duvenaud 2018,
https://arxiv.org/abs/1801.03558, section 3.
"""

from vaebench.evaluation.metric import Estimate, metric


@metric(unit="nats", better="lower", needs=("gaussian_posterior", "prior", "likelihood"), tier="thorough")
def amortisation_gap(subject) -> Estimate:
    r"""$\mathcal L(q^*) - \mathcal L(q)$, mean over evenly spaced test images: $q^*$ is refined for each, from the
    encoder's $q$ on, to maximise the ELBO $\mathcal L$."""
    encoded, best = subject.evidence.elbos
    return subject.evidence.estimate(best - encoded)
