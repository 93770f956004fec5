r"""Auxiliary VAE. Maaloe et al. 2016, https://arxiv.org/abs/1602.05473, section 2.2.

The marginal $q(z|x) = \int q(z|a,x)\,q(a|x)\,da$ need not be Gaussian; $r(a|z,x)$, which the paper calls $p(a|z,x)$,
pays for $a$. The three Gaussians share the encoder's features of the image, where the paper has a network for each:
all follow one bound, and an image is read once.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from vaebench.model.distributions.evolved import Evolved
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flavour import flavour
from vaebench.study.ranges import Count


class Marginal(Evolved):
    r"""The law of $z \sim q(z|a)$ where $a \sim q(a)$.

    The log density of its last draw is estimated as $\log q(a) + \log q(z|a) - \log r(a|z)$, in nats. Its mean is that
    of $q(z|a)$ at the mean of $q(a)$.
    """

    def __init__(self, q: Gaussian, conditional, reverse) -> None:
        self.conditional = conditional

        def evolve(a):
            given = conditional(a)
            z = given.rsample()
            return z, given.log_prob(z) - reverse(z).log_prob(a)

        super().__init__(q, evolve)

    @property
    def mean(self) -> Tensor:
        return self.conditional(self.q.mean).mean

    @property
    def event_shape(self):
        return self.mean.shape[-1:]


class Conditional(nn.Module):
    """Features (batch, width) and latents (..., batch, inputs) to a Gaussian of latents (..., batch, outputs)."""

    def __init__(self, width: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.features, self.latent = nn.Linear(width, width), nn.Linear(inputs, width, bias=False)
        self.head = nn.Linear(width, 2 * outputs)

    def forward(self, features: Tensor, z: Tensor) -> Gaussian:
        return Gaussian(*self.head(F.silu(self.features(features) + self.latent(z))).chunk(2, -1))


class AuxiliaryEncoder(nn.Module):
    r"""$x \mapsto q(z|x)$, from $q(a|x)$, $q(z|a,x)$ and $r(a|z,x)$."""

    def __init__(self, design, *, auxiliary: int, width: int) -> None:
        super().__init__()
        self.network = nn.Sequential(design.network.encoder(width), nn.SiLU())
        self.head = nn.Linear(width, 2 * auxiliary)
        self.forth, self.back = (
            Conditional(width, auxiliary, design.latent),
            Conditional(width, design.latent, auxiliary),
        )

    def forward(self, x: Tensor) -> Marginal:
        features = self.network(x)
        q = Gaussian(*self.head(features).chunk(2, -1))
        return Marginal(q, lambda a: self.forth(features, a), lambda z: self.back(features, z))


@flavour(encoder=AuxiliaryEncoder)
def auxiliary_vae(vae, x, *, auxiliary: Count = 8, width: Count = 256):
    r"""$-\mathbb E[\log p(x|z)] + \mathbb E\left[\log\frac{q(a|x)\,q(z|a,x)}{r(a|z,x)\,p(z)}\right]$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
