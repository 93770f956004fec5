r"""InfoMax-VAE. Rezaabad & Vishwanath 2020, https://arxiv.org/abs/1912.13361.

The mutual information of target and latent is bounded from below as by Nguyen, Wainwright & Jordan 2010,
https://arxiv.org/abs/0809.0853, and the encoder follows the gradient of the whole bound. Latents of independent images
are those of the next image in the batch, so that none meets its own (but in a batch of one).

The critic's score is squashed smoothly into $\pm 20$: the bound holds for every critic, and its exponential stays
finite; only information beyond some 19 nats goes unseen. At alpha = beta what is left of the rate is, with an optimal
critic, $\mathrm{KL}(q(z) \| p(z))$; above it the latents leave the prior. What the critic has learned differs between
epochs, so the last one's weights are kept.
"""

from math import prod

import torch
from torch import Tensor, nn

from vaebench.model.flavour import flavour
from vaebench.model.networks import dense
from vaebench.study.ranges import Channels, NonNegative

LIMIT = 20.0


class PairCritic(nn.Module):
    """Images (batch, channels, height, width) and latents (..., batch, latent) to scores (..., batch)."""

    def __init__(self, design, *, critic_hidden: tuple[int, ...]) -> None:
        super().__init__()
        first, last = critic_hidden[0], critic_hidden[-1]
        self.image, self.latent = nn.Linear(prod(design.image), first), nn.Linear(design.latent, first, bias=False)
        self.network = nn.Sequential(nn.ReLU(), *dense(critic_hidden, "relu"), nn.Linear(last, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        score = self.network(self.image(x.flatten(1)) + self.latent(z)).squeeze(-1)
        return LIMIT * (score / LIMIT).tanh()


def information(vae, draw) -> Tensor:
    r"""$T(x, z) - e^{T(x, z') - 1}$, whose mean is a lower bound of the mutual information, nats, (batch,)."""
    joint, product = vae.critic(draw.x, torch.stack((draw.z, draw.z.roll(1, 0))))
    return joint - (product - 1).exp()


@flavour(critic=PairCritic, keeps="last")
def infomax_vae(vae, x, *, alpha: NonNegative = 1.0, beta: NonNegative = 1.0, critic_hidden: Channels = (256, 256)):
    r"""$-\mathbb E_q[\log p(x|z)] + \beta\,\mathrm{KL}(q(z|x) \| p(z))
    - \alpha\,(\mathbb E[T(x, z)] - \mathbb E[e^{T(x, z') - 1}])$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": beta * draw.kl, "information": -alpha * information(vae, draw)}


@infomax_vae.player("critic")
def critic(vae, x):
    r"""$-\mathbb E[T(x, z)] + \mathbb E[e^{T(x, z') - 1}]$"""
    with torch.no_grad():
        draw = vae(x)
    return {"bound": -information(vae, draw)}
