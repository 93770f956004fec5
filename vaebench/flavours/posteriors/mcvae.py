r"""Langevin Monte Carlo VAE (L-MCVAE). Thin et al. 2021, https://arxiv.org/abs/2106.15921.

Annealed from $q(z|x)$ to $p(x, z)$ along the geometric bridge, in equal parts. Without ``steps`` it is the VAE. Step
sizes, one per latent dimension and within 2.5 ``step_size``, in units of the encoder's variance, are learned with the
model.
"""

from torch import nn

from vaebench.model.distributions.evolved import Evolved
from vaebench.model.dynamics import Gradient, StepSizes, annealed_langevin, bounded, pull
from vaebench.model.flavour import flavour
from vaebench.study.ranges import Positive, Whole


class Langevin(nn.Module):
    """Annealed unadjusted Langevin steps from a draw of the encoder's distribution."""

    def __init__(self, design, steps, step_size) -> None:
        super().__init__()
        self.steps, self.step = steps, StepSizes(design.latent, step_size)

    def forward(self, vae, q, observed, target):
        start, goal = Gradient(q.log_prob), pull(vae, observed, target)
        step, unit = self.step() * q.variance, q.stddev
        first, last = bounded(start, unit), bounded(goal, unit)
        return Evolved(q, lambda z: annealed_langevin(first, last, z, step, self.steps), goal)


def posterior(design, *, steps, step_size):
    """The encoder's distribution as it stands where there are no steps."""
    return Langevin(design, steps, step_size) if steps else None


@flavour(posterior=posterior)
def mcvae(vae, x, *, steps: Whole = 5, step_size: Positive = 0.01):
    r"""$-\mathbb E[\log p(x, z_K) - \log q(z_0|x) + \sum_k \log m_k(z_{k-1}|z_k) - \log m_k(z_k|z_{k-1})]$"""
    draw = vae(x)
    return {"bound": -draw.q.log_weight} if steps else {"distortion": -draw.log_px, "rate": draw.kl}
