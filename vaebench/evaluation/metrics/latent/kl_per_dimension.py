"""How the rate is spread over the latent coordinates, the largest first."""

from vaebench.evaluation.metric import metric


@metric(unit="nats", better=None, shown=False, needs=("posterior", "prior", "gaussian"))
def kl_per_dimension(subject) -> dict[str, float]:
    r"""$\mathrm{KL}(q(z_i|x) \| p(z_i))$, mean over the test set, in descending order; their sum is the rate."""
    means = subject.kl_per_dimension.double().mean(0).sort(descending=True).values
    return {str(rank): float(value) for rank, value in enumerate(means, 1)}
