r"""Riemannian Hamiltonian VAE. Chadebec et al. 2020, https://arxiv.org/abs/2010.11518.

Hamiltonian dynamics under a learned metric (`vaebench.model.spaces.riemannian_metric`): ``model.learned_metric``. Its
centroids are the codes of a fixed random choice of training images, where the paper takes all of them. The inverse
metric is their mean where the paper has a sum, and ``width`` is in units of $\sqrt d$ for $d$ latents, the distance of
the prior's draws from 0, so that a velocity depends neither on the number of centroids nor on that of latents. Step
sizes are in units of the encoder's standard deviation, as in `hvae`. The implicit steps are solved by ``iterations``
fixed-point iterations: the bound holds up to their residual. They converge where a step is short against the width, so
entries of the metric's factors are kept within 1, and their diagonals within a factor of e.
"""

import math

import torch
from torch import Tensor, nn

from vaebench import random
from vaebench.model.distributions.evolved import Evolved
from vaebench.model.dynamics import StepSizes, Tempering, bounded, pull, riemannian_leapfrog
from vaebench.model.flavour import flavour
from vaebench.model.networks import dense
from vaebench.model.spaces.riemannian_metric import RiemannianMetric
from vaebench.study.ranges import Count, Flag, Positive, Widths


class Riemannian(nn.Module):
    """Generalised leapfrogs from a draw of the encoder's distribution, with a tempered momentum."""

    images: Tensor

    def __init__(
        self,
        design,
        *,
        steps,
        step_size,
        temperature,
        learned,
        iterations,
        centroids,
        metric_hidden,
        width,
        regularisation,
    ) -> None:
        super().__init__()
        self.iterations, self.width, self.regularisation = iterations, width, regularisation
        self.step = StepSizes(design.latent, step_size, learned)
        self.tempering = Tempering(steps, temperature, learned)
        self.register_buffer("images", torch.zeros(centroids, *design.image))
        widths, size = (math.prod(design.image), *metric_hidden), design.latent
        last = nn.Linear(widths[-1], size * size)
        self.network = nn.Sequential(nn.Flatten(), *dense(widths, "silu"), last, nn.Unflatten(-1, (size, size)))

    def metric(self, vae) -> RiemannianMetric:
        """The metric that the present weights make."""
        raw = self.network(self.images).tanh()
        factors = raw.tril(-1) + raw.diagonal(dim1=-2, dim2=-1).exp().diag_embed()
        factors, width = factors / math.sqrt(len(factors)), self.width * math.sqrt(factors.shape[-1])
        return RiemannianMetric(vae.encoder(self.images).mean, factors, width, self.regularisation)

    def forward(self, vae, q, observed, target):
        force = pull(vae, observed, target)

        def evolve(z):
            first, scales = self.tempering()
            start, noise = self.metric(vae).at(z), random.normal(z.shape, z)
            momentum = start.momentum(noise)
            kept, step = bounded(force, q.stddev), self.step() * q.stddev
            end, last = riemannian_leapfrog(kept, start, first * momentum, step, scales, self.iterations)
            return end.z, end.kinetic(last) - start.log_volume - 0.5 * noise.square().sum(-1)

        return Evolved(q, evolve, force)


@flavour(posterior=Riemannian)
def rhvae(
    vae,
    x,
    *,
    steps: Count = 3,
    step_size: Positive = 0.2,
    temperature: Positive = 2.0,
    learned: Flag = True,
    iterations: Count = 3,
    centroids: Count = 100,
    metric_hidden: Widths = (400,),
    width: Positive = 1.0,
    regularisation: Positive = 0.01,
):
    r"""$-\mathbb E[\log p(x, z_K) + \log r(\rho_K|z_K) - \log q(z_0|x) - \log r(\sqrt{\beta_0} \rho_0|z_0)]$,
    with the momentum's density $r(\rho|z) = \mathcal N(\rho; 0, G(z))$.
    """
    return {"bound": -vae(x).q.log_weight}


@rhvae.begin
def choose(vae, images: Tensor) -> None:
    """Take training images at random, in turn again where there are fewer than centroids."""
    vae.posterior.images.copy_(random.rows(images, len(vae.posterior.images)))
