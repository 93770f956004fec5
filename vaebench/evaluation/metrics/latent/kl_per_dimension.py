"""How the rate is spread over the latent coordinates, the largest first."""

import torch

from vaebench.evaluation.metric import metric
from vaebench.model.distributions.gaussian import kl_per_dimension as coordinates


@metric(unit="nats", better=None, shown=False, needs=("posterior", "prior", "gaussian"))
@torch.no_grad()
def kl_per_dimension(subject) -> dict[str, float]:
    r"""$\mathrm{KL}(q(z_i|x) \| p(z_i))$, mean over the test set, in descending order; their sum is the rate."""
    model = subject.model
    parts = (coordinates(model.encoder(x), model.prior(model.encoder)) for x in subject.observed.split(1000))
    means = torch.cat([part.double() for part in parts]).mean(0)
    return {str(rank): float(value) for rank, value in enumerate(means.sort(descending=True).values, 1)}
