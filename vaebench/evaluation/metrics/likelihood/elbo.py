"""Evidence lower bound. Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, equation 3."""

from torch import Tensor

from vaebench.evaluation.metric import metric


@metric(unit="nats", better="higher", needs=("posterior", "prior", "likelihood"), worst="mean")
def elbo(subject) -> Tensor:
    r"""$\mathbb E_q[\log p(x|z)] - \mathrm{KL}(q(z|x) \| p(z)) \le \log p(x)$, mean over the test set."""
    return subject.elbo
