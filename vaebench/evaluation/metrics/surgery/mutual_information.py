"""Mutual information of images and latents. Hoffman & Johnson 2016, http://approximateinference.org/accepted."""

from vaebench.evaluation.aggregate import mean
from vaebench.evaluation.metric import Estimate, metric


@metric(unit="nats", better=None, needs=("posterior", "prior", "density"), worst="mean")
def mutual_information(subject) -> Estimate:
    r"""$\mathbb E[\log q(z|x) - \log q(z)]$, $q(z)$ the mean posterior of the $N$ test images: at most $\log N$."""
    return mean(subject.aggregate.own - subject.aggregate.whole)
