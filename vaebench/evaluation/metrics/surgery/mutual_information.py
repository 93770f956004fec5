"""Mutual information of images and latents. Hoffman & Johnson 2016, http://approximateinference.org/accepted."""

from torch import Tensor

from vaebench.evaluation.metric import metric


@metric(unit="nats", better=None, needs=("posterior", "prior", "density"))
def mutual_information(subject) -> Tensor:
    r"""$\mathbb E[\log q(z|x) - \log q(z)]$, $q(z)$ the mean posterior of the $N$ test images: at most $\log N$."""
    return subject.aggregate.own - subject.aggregate.whole
