r"""Hamiltonian VAE. Caterini et al. 2018, https://arxiv.org/abs/1805.11328, Algorithm 1.

Without ``steps`` it is the VAE. Step sizes, one per latent dimension and within 2.5 ``step_size``, in units of the
encoder's standard deviation, and the first momentum's ``temperature`` are learned unless ``learned`` is false.
Gradients flow through the whole trajectory.
"""

from torch import nn

from vaebench import random
from vaebench.model.distributions.evolved import Evolved
from vaebench.model.dynamics import StepSizes, Tempering, bounded, leapfrog, pull
from vaebench.model.flavour import flavour
from vaebench.study.ranges import Flag, Positive, Whole


class Hamiltonian(nn.Module):
    """Leapfrogs from a draw of the encoder's distribution, with a tempered momentum."""

    def __init__(self, design, steps, step_size, temperature, learned) -> None:
        super().__init__()
        self.step = StepSizes(design.latent, step_size, learned)
        self.tempering = Tempering(steps, temperature, learned)

    def forward(self, vae, q, observed, target):
        force = pull(vae, observed, target)

        def evolve(z):
            first, scales = self.tempering()
            noise = random.normal(z.shape, z)
            z, momentum = leapfrog(bounded(force, q.stddev), z, first * noise, self.step() * q.stddev, scales)
            return z, 0.5 * (momentum.square() - noise.square()).sum(-1)

        return Evolved(q, evolve, force)


def posterior(design, *, steps, step_size, temperature, learned):
    """The encoder's distribution as it stands where there are no steps."""
    return Hamiltonian(design, steps, step_size, temperature, learned) if steps else None


@flavour(posterior=posterior)
def hvae(vae, x, *, steps: Whole = 3, step_size: Positive = 0.2, temperature: Positive = 2.0, learned: Flag = True):
    r"""$-\mathbb E[\log p(x, z_K) + \log\mathcal N(\rho_K) - \log q(z_0|x) - \log\mathcal N(\sqrt{\beta_0} \rho_0)]$"""
    draw = vae(x)
    return {"bound": -draw.q.log_weight} if steps else {"distortion": -draw.log_px, "rate": draw.kl}
