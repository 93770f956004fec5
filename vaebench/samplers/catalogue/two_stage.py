"""A second VAE, of the codes. Dai & Wipf 2019, https://arxiv.org/abs/1903.05789, section 4."""

import math

import torch
from torch import Tensor, nn
from torch.distributions import kl_divergence

from vaebench import random
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.networks import dense
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler, batch, descend, standardised
from vaebench.study.ranges import Count, Widths

BATCH, LEARNING_RATE = 256, 3e-3
# Of gamma. At 1, where codes are isotropic, an encoder that tells nothing is a stationary point.
START = 0.5


class two_stage(Sampler):
    r"""$z \sim \mathcal N(f(u), \gamma^2)$, $u \sim \mathcal N(0, 1)$ as wide as $z$: a Gaussian VAE, of one learned
    $\gamma$, of one draw of each posterior."""

    needs = ("euclidean",)
    mean: Tensor
    deviation: Tensor
    encoder: nn.Module
    decoder: nn.Module
    log_gamma: Tensor

    def __init__(self, *, hidden: Widths = (128, 128), steps: Count = 2000) -> None:
        super().__init__()
        self.hidden, self.steps = hidden, steps

    def prepare(self, vae: VAE) -> None:
        """Weights are set by `fit`."""
        widths = (vae.width, *self.hidden)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.encoder = nn.Sequential(*dense(widths, "silu"), nn.Linear(widths[-1], 2 * vae.width))
            self.decoder = nn.Sequential(*dense(widths, "silu"), nn.Linear(widths[-1], vae.width))
        self.log_gamma = nn.Parameter(torch.tensor(math.log(START)))

    def law(self, u: Tensor) -> Gaussian:
        """Of standardised codes."""
        return Gaussian(self.decoder(u), self.log_gamma)

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        scaled, mean, deviation = standardised(codes.draws)
        self.keep(mean=mean, deviation=deviation)
        key, zero = torch.tensor(random.key(seed, "two stages"), device=scaled.device), torch.zeros_like(mean)

        def loss(step: int) -> Tensor:
            with random.stream(random.fold(key, step)):
                z = scaled[batch(BATCH, len(scaled), scaled)]
                q = Gaussian(*self.encoder(z).chunk(2, -1))
                u = q.rsample()
            return (kl_divergence(q, Gaussian(zero, zero)) - self.law(u).log_prob(z)).mean()

        descend(self, loss, self.steps, LEARNING_RATE)

    def sample(self, vae: VAE, count: int) -> Tensor:
        return self.mean + self.deviation * self.law(random.normal((count, len(self.mean)), self.mean)).rsample()
