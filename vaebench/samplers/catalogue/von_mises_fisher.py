"""A mixture of von Mises-Fisher laws. Banerjee et al. 2005, https://jmlr.org/papers/v6/banerjee05a.html, section 3."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vaebench import random
from vaebench.model.distributions.von_mises_fisher import VonMisesFisher, cumulants
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler, choose, clusters
from vaebench.study.ranges import Count

# Steps at most, and the gain of the mean log likelihood in nats that ends them.
MOST, TOLERANCE = 500, 1e-4
# The least difference of a mean resultant length from 0 and from 1.
CLOSEST = 1e-6


class von_mises_fisher(Sampler):
    """By expectation maximisation on one draw of each posterior; ``components`` are at most half the draws."""

    needs = ("sphere",)
    weights: Tensor
    directions: Tensor
    concentrations: Tensor

    def __init__(self, *, components: Count = 10) -> None:
        super().__init__()
        self.components = components

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        z = F.normalize(codes.draws.double(), dim=-1)
        components = min(self.components, max(1, len(z.unique(dim=0)) // 2))
        shares = F.one_hot(clusters(z, components, random.key(seed, "von Mises-Fisher"))[0]).to(z)
        before = -math.inf
        for _ in range(MOST):
            weights, directions, concentrations = maximised(z, shares)
            law = VonMisesFisher(directions, concentrations)
            log_joint = weights.log() + law.log_prob(z[:, None])
            likelihood = float(log_joint.logsumexp(-1).mean())
            if likelihood - before < TOLERANCE:
                break
            before, shares = likelihood, log_joint.softmax(-1)
        self.keep(weights=weights, directions=directions, concentrations=concentrations)

    def sample(self, vae: VAE, count: int) -> Tensor:
        chosen = choose(self.weights, count)
        return VonMisesFisher(self.directions[chosen], self.concentrations[chosen]).rsample()


def maximised(z: Tensor, shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, directions and concentrations of components, whose ``shares`` (n, components) in z (n, m) are given."""
    mass, resultant = shares.sum(0), shares.T @ z
    length = (resultant.norm(dim=-1) / mass.clamp_min(torch.finfo(z.dtype).tiny)).clamp(CLOSEST, 1 - CLOSEST)
    return mass / len(z), F.normalize(resultant, dim=-1), concentration(length, z.shape[-1])


def concentration(length: Tensor, size: int) -> Tensor:
    r"""$\kappa$ whose mean resultant length on the sphere in ``size`` dimensions is ``length``, (...).

    Banerjee et al., equation 4.4, and two of Newton's steps: Sra 2012, https://doi.org/10.1007/s00180-011-0232-x.
    """
    kappa = length * (size - length.square()) / (1 - length.square())
    for _ in range(2):
        ratio = cumulants(kappa, size)[1]
        kappa = kappa - (ratio - length) / (1 - ratio.square() - (size - 1) / kappa * ratio)
    return kappa
