r"""Bernoulli pixels.

On grey pixels $x$ its log-likelihood is the mean over binarisations $b \sim \mathrm{Bernoulli}(x)$, so that bounds on
$\log p(x)$ become bounds on $\mathbb E_b[\log p(b)]$.
"""

import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent


class bernoulli(nn.Module):
    r"""$\prod_i p_i^{x_i} (1 - p_i)^{1 - x_i}$ with features as logits."""

    features = 1
    takes = ("bits", "grey")

    def forward(self, features: Tensor) -> Distribution:
        return Independent(Pixel(logits=features, validate_args=False), 3, validate_args=False)


class Pixel(Bernoulli):
    """As torch's, in a form whose second derivatives, which dynamics in the latent space need, cost half as much."""

    def log_prob(self, value: Tensor) -> Tensor:
        return value * self.logits - F.softplus(self.logits, threshold=40.0)
