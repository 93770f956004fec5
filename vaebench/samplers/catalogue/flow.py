"""A normalising flow fitted to the codes. Papamakarios et al. 2021, https://arxiv.org/abs/1912.02762, section 2.3.

Layers are those of RealNVP (Dinh et al. 2017, https://arxiv.org/abs/1605.08803), of MAF (Papamakarios et al. 2017,
https://arxiv.org/abs/1705.07057) or of IAF (Kingma et al. 2016, https://arxiv.org/abs/1606.04934).
"""

from typing import Literal

import torch
from torch import Tensor

from vaebench import random
from vaebench.model.distributions.flowed import Flowed
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flows.autoregressive import Affine, by_halves, one_by_one, stacked
from vaebench.model.flows.flow import Flow, Inverted
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler, batch, descend, standardised
from vaebench.study.ranges import Count, Widths

BATCH, LEARNING_RATE = 512, 3e-3


class flow(Sampler):
    r"""The law of $f(\epsilon)$, $\epsilon \sim \mathcal N(0, 1)$, that makes one draw of each posterior likeliest."""

    needs = ("euclidean",)
    mean: Tensor
    deviation: Tensor
    transform: Flow

    def __init__(
        self,
        *,
        kind: Literal["realnvp", "maf", "iaf"] = "realnvp",
        layers: Count = 6,
        hidden: Widths = (64,),
        steps: Count = 500,
    ) -> None:
        super().__init__()
        self.kind, self.layers, self.hidden, self.steps = kind, layers, hidden, steps

    def prepare(self, vae: VAE) -> None:
        """Weights are set by `fit`."""
        order = by_halves if self.kind == "realnvp" else one_by_one
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            transform = stacked(Affine, order, vae.width, self.layers, self.hidden)
        self.transform = transform if self.kind == "iaf" else Inverted(transform)

    def law(self) -> Flowed:
        """Of standardised codes."""
        zero = torch.zeros_like(self.mean)
        return Flowed(Gaussian(zero, zero), self.transform)

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        scaled, mean, deviation = standardised(codes.draws)
        self.keep(mean=mean, deviation=deviation)
        key = torch.tensor(random.key(seed, "flow"), device=scaled.device)

        def loss(step: int) -> Tensor:
            with random.stream(random.fold(key, step)):
                chosen = batch(BATCH, len(scaled), scaled)
            return -self.law().log_prob(scaled[chosen]).mean()

        descend(self, loss, self.steps, LEARNING_RATE)

    def sample(self, vae: VAE, count: int) -> Tensor:
        return self.mean + self.deviation * self.law().rsample(torch.Size((count,)))
