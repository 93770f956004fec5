"""Continuous Bernoulli on [0, 1]. Loaiza-Ganem & Cunningham 2019, https://arxiv.org/abs/1907.06845."""

from torch import Tensor, nn
from torch.distributions import ContinuousBernoulli, Distribution, Independent


class continuous_bernoulli(nn.Module):
    r"""$\prod_i C(\lambda_i) \lambda_i^{x_i} (1 - \lambda_i)^{1 - x_i}$ with features as logits; a density, in nats."""

    def forward(self, features: Tensor) -> Distribution:
        return Independent(ContinuousBernoulli(logits=features, validate_args=False), 3, validate_args=False)
