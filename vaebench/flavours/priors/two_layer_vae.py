r"""VAE of two stochastic layers. Burda et al. 2016, https://arxiv.org/abs/1509.00519, section 5.

The latents are those of the lower layer; the upper layer makes their prior $p(z) = \int p(z|u)\,p(u)\,du$, which the
bound meets through one $u \sim q(u|z)$ for each $z$. With one sample the bound is the ELBO.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flavour import flavour
from vaebench.model.networks import dense
from vaebench.model.objectives.bounds import importance_weighted
from vaebench.study.ranges import Channels, Count


class Hierarchical(Distribution):
    r"""The law of $z \sim p(z|u)$ where $u \sim p(u)$, and its density's estimate by one $u \sim q(u|z)$."""

    has_rsample = True

    def __init__(self, top: Gaussian, down, up, latent: int) -> None:
        self.top, self.down, self.up = top, down, up
        super().__init__(event_shape=torch.Size((latent,)), validate_args=False)

    def rsample(self, sample_shape=()) -> Tensor:
        return self.down(self.top.rsample(sample_shape)).rsample()

    def log_prob(self, value: Tensor) -> Tensor:
        r"""$\log p(u) + \log p(z|u) - \log q(u|z)$ in nats, shape (..., batch), drawn afresh at every call."""
        q = self.up(value)
        u = q.rsample()
        return self.top.log_prob(u) + self.down(u).log_prob(value) - q.log_prob(u)


class Layer(nn.Module):
    """Latents (..., inputs) to a Gaussian of latents (..., outputs)."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.network = nn.Sequential(*dense((inputs, *hidden), "tanh"), nn.Linear(hidden[-1], 2 * outputs))

    def forward(self, z: Tensor) -> Gaussian:
        return Gaussian(*self.network(z).chunk(2, -1))


class TwoLayerPrior(nn.Module):
    r"""$p(u) = \mathcal N(0, 1)$, and the Gaussians $p(z|u)$ and $q(u|z)$."""

    zero: Tensor

    def __init__(self, design, *, top: int, top_hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.latent = design.latent
        self.register_buffer("zero", torch.zeros(top))
        self.down, self.up = Layer(top, top_hidden, design.latent), Layer(design.latent, top_hidden, top)

    def forward(self, encoder) -> Hierarchical:
        return Hierarchical(Gaussian(self.zero, self.zero), self.down, self.up, self.latent)


@flavour(prior=TwoLayerPrior)
def two_layer_vae(vae, x, *, top: Count = 10, top_hidden: Channels = (100, 100), samples: Count = 1):
    r"""$-\log \frac1K \sum_k \frac{p(x|z_k)\,p(z_k|u_k)\,p(u_k)}{q(z_k|x)\,q(u_k|z_k)}$"""
    return {"bound": -importance_weighted(vae(x, samples).log_w)}
