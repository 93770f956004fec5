r"""Bernoulli pixels.

On grey pixels $x$ its log-likelihood is the mean over binarisations $b \sim \mathrm{Bernoulli}(x)$, so that bounds on
$\log p(x)$ become bounds on $\mathbb E_b[\log p(b)]$.
"""

from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent


class bernoulli(nn.Module):
    r"""$\prod_i p_i^{x_i} (1 - p_i)^{1 - x_i}$ with features as logits."""

    features = 1

    def forward(self, features: Tensor) -> Distribution:
        return Independent(Bernoulli(logits=features, validate_args=False), 3, validate_args=False)
