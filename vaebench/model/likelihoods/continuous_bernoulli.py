"""Continuous Bernoulli on [0, 1]. Loaiza-Ganem & Cunningham 2019, https://arxiv.org/abs/1907.06845."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import ContinuousBernoulli, Distribution, Independent

NEAR = 0.05  # logits this close to 0 are left to a power series


class continuous_bernoulli(nn.Module):
    r"""$\prod_i C(\lambda_i) \lambda_i^{x_i} (1 - \lambda_i)^{1 - x_i}$ with features as logits; a density, in nats."""

    features = 1
    takes = ("grey",)

    def forward(self, features: Tensor) -> Distribution:
        return Independent(Pixel(logits=features, validate_args=False), 3, validate_args=False)


class Pixel(ContinuousBernoulli):
    r"""Density $\ell e^{\ell x} / (e^\ell - 1)$ and mean in terms of the logit $\ell$.

    torch's own go by $\lambda$, clamped to what its type can tell from 0 and 1, so that at large logits its density
    does not integrate to 1 and its mean stops at 0.94.
    """

    def log_prob(self, value: Tensor) -> Tensor:
        near, small, size = self._split()
        far = self.logits * value - F.relu(self.logits) - (-torch.expm1(-size) / size).log()
        return torch.where(near, small * (value - 0.5) - small**2 / 24 + small**4 / 2880, far)

    @property
    def mean(self) -> Tensor:
        near, small, size = self._split()
        far = 0.5 + self.logits.sign() * (0.5 / torch.tanh(size / 2) - 1 / size)
        return torch.where(near, 0.5 + small / 12 - small**3 / 720, far)

    def _split(self) -> tuple[Tensor, Tensor, Tensor]:
        """Which logits are near 0, those (else 0), and the magnitude of the others (else 1)."""
        near = self.logits.abs() < NEAR
        return near, torch.where(near, self.logits, 0), torch.where(near, 1, self.logits.abs())
