r"""The uniform law of a Riemannian manifold. Chadebec & Allassonniere 2022, https://arxiv.org/abs/2209.07370.

The density of latents is in proportion to a volume:

- ``posterior``: $\sqrt{\det G}$ of the paper's $G(z) = \sum_i \Sigma_i^{-1} \omega_i(z) + \lambda$ with the posterior
  covariances $\Sigma_i$ at centroids $c_i$ and $\omega_i(z) = e^{-(z - c_i)^\top \Sigma_i^{-1} (z - c_i) / \rho^2}$;
- ``learned``: $\sqrt{\det G^{-1}}$ of the metric that the flavour learns, as Chadebec et al. 2021,
  https://arxiv.org/abs/2105.00026: here $G^{-1}$ is the sum over centroids, and $\sqrt{\det G}$ is largest where there
  are no data;
- ``pullback``: $\sqrt{\det G}$ of $G = J^\top J + \lambda$ with the Jacobian $J$ of the decoder's mean image. It does
  not tell where the data are. A gradient takes a pass through the decoder for each latent dimension.

Latents farther than $\rho$ from every centroid have density 0, which keeps all three near the data and makes them
proper, in place of the paper's $\lambda e^{-\tau |z|^2}$ and of the compact set of Chadebec et al. 2021. As in the
paper, centroids are training codes central in clusters, and $\rho$ is the largest distance of one to its nearest.
"""

import math
from collections.abc import Callable
from typing import Annotated, Literal

import torch
from torch import Tensor

from vaebench import random
from vaebench.errors import Missing
from vaebench.geometry.budget import footprint, parts
from vaebench.geometry.metrics import immersion, jacobian
from vaebench.model.abilities import lacks
from vaebench.model.dynamics import Gradient, leapfrog
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler, batch, clusters, standardised
from vaebench.study.ranges import Count, Interval, Positive

CHAINS, TUNING, ACCEPTANCE, FEWEST = 64, 50, 0.8, 0.1
NEEDS = {"posterior": "gaussian_posterior", "learned": "learned_metric", "pullback": "euclidean"}


class manifold(Sampler):
    r"""By Hamiltonian Monte Carlo, ``steps`` from a centroid on, each of so many ``leapfrogs``; $\lambda$ is the
    ``regularisation``.

    Leapfrogs are in proportion to the codes' deviations, of a length that `fit` tunes for an acceptance of 0.8 (Andrieu
    & Thoms 2008, https://doi.org/10.1007/s11222-008-9110-y).
    """

    needs = ("euclidean",)
    centroids: Tensor
    precisions: Tensor
    radius: Tensor
    length: Tensor

    def __init__(
        self,
        *,
        metric: Literal["posterior", "learned", "pullback"] = "posterior",
        centroids: Annotated[int, Interval(int, 2)] = 100,
        regularisation: Positive = 0.01,
        steps: Count = 100,
        leapfrogs: Count = 10,
    ) -> None:
        super().__init__()
        self.metric, self.most, self.regularisation = metric, centroids, regularisation
        self.steps, self.leapfrogs = steps, leapfrogs

    def prepare(self, vae: VAE) -> None:
        """Raises `Missing` for a model without what the metric is made of."""
        if reason := lacks(vae, NEEDS[self.metric]):
            raise Missing(f"sampler 'manifold' does not apply: {reason}")

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        means = codes.means.double()
        central = clusters(means, self.most, random.key(seed, "centroids"))[1]
        gaps = torch.cdist(means[central], means[central]).fill_diagonal_(torch.inf)
        self.keep(centroids=means[central], radius=gaps.amin(1).max())
        if self.metric == "posterior":
            assert codes.log_std is not None
            self.keep(precisions=(-2 * codes.log_std[central].double()).exp())
        with random.stream(torch.tensor(random.key(seed, "manifold"), device=means.device)):
            self.keep(length=self.tuned(vae, standardised(codes.draws.double())[2]))

    def tuned(self, vae: VAE, unit: Tensor) -> Tensor:
        """Lengths of leapfrogs, (latent,), in the proportions of ``unit``."""
        log_length, z = math.log(0.1), self.starts(CHAINS)
        force, value = self.begun(vae, z)
        for step in range(1, TUNING + 1):
            z, value, acceptance = self.moved(force, z, value, math.exp(log_length) * unit)
            log_length += (float(acceptance.mean()) - ACCEPTANCE) / math.sqrt(step)
        if acceptance.mean() < FEWEST:
            raise Missing("Hamiltonian Monte Carlo accepts hardly any step")
        return math.exp(log_length) * unit

    def sample(self, vae: VAE, count: int) -> Tensor:
        found = []
        starts = self.starts(count)
        for z in parts(starts, 2 * footprint(self.log_volume(vae), starts)):  # as many again for the gradient
            force, value = self.begun(vae, z)
            for _ in range(self.steps):
                z, value, _ = self.moved(force, z, value, self.length)
            found.append(z)
        return torch.cat(found)

    def starts(self, chains: int) -> Tensor:
        """Centroids at random, (chains, latent)."""
        return self.centroids[batch(chains, len(self.centroids), self.centroids)]

    def begun(self, vae: VAE, z: Tensor) -> tuple[Gradient, Tensor]:
        """The gradient of the log density, and the log densities of latents (n, latent), (n,)."""
        force = Gradient(self.log_volume(vae))
        force(z)
        return force, force.value

    def moved(self, force: Gradient, z: Tensor, value: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Latents (chains, latent) a step on, their log densities, and the probabilities of acceptance, (chains,).

        ``value`` is the log densities before. Each chain's leapfrogs are longer or shorter by up to a half, at random:
        trajectories of one length may be whole periods (Neal 2011, section 3.2).
        """
        momentum, spread = random.normal(z.shape, z), 0.5 + random.uniform((len(z), 1), z)
        end, last = leapfrog(force, z, momentum, spread * length, [1.0] * self.leapfrogs)
        gain = force.value - value + 0.5 * (momentum.square() - last.square()).sum(-1)
        acceptance = torch.where(self.near(end), gain.exp().clamp(max=1), 0).nan_to_num(0)
        accepted = random.uniform(value.shape, value) < acceptance
        return torch.where(accepted[:, None], end, z), torch.where(accepted, force.value, value), acceptance

    def near(self, z: Tensor) -> Tensor:
        """Whether latents (n, latent) are within the radius of a centroid, (n,)."""
        return torch.cdist(z, self.centroids).amin(-1) <= self.radius

    def log_volume(self, vae: VAE) -> Callable[[Tensor], Tensor]:
        r"""Log volume: float64 latents (n, latent) to nats (n,)."""
        if self.metric == "learned":
            learned = vae.learned_metric
            return lambda z: -learned.log_volume(z.to(vae.like)).double()
        mean_image, unit = immersion(vae.decoder), torch.eye(vae.width).to(self.centroids)

        def pulled_back(z: Tensor) -> Tensor:
            rows = jacobian(mean_image, z.to(vae.like)).double()
            return 0.5 * torch.logdet(rows.mT @ rows + self.regularisation * unit)

        def of_posteriors(z: Tensor) -> Tensor:
            scaled = self.precisions * self.centroids
            distance = z.square() @ self.precisions.T - 2 * z @ scaled.T + (scaled * self.centroids).sum(-1)
            weights = (-distance / self.radius.square()).exp()
            return 0.5 * (weights @ self.precisions + self.regularisation).log().sum(-1)

        return pulled_back if self.metric == "pullback" else of_posteriors
