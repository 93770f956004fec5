"""A masked autoregressive network over discrete codes. Germain et al. 2015, https://arxiv.org/abs/1502.03509; as a
prior of codes, van den Oord et al. 2017, https://arxiv.org/abs/1711.00937, section 3.3.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaebench import random
from vaebench.errors import Missing
from vaebench.model.distributions.codes import Codes
from vaebench.model.flows.autoregressive import Masked
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler, batch, descend
from vaebench.study.ranges import Count

BATCH, LEARNING_RATE = 256, 3e-3


class autoregressive(Sampler):
    r"""$\prod_i p(k_i | k_1, \dots, k_{i - 1})$ of the codes $k$ at the positions of a latent."""

    needs = ("codes", "prior")
    network: nn.Module

    def __init__(self, *, hidden: Count = 256, steps: Count = 500) -> None:
        super().__init__()
        self.hidden, self.steps = hidden, steps

    def prepare(self, vae: VAE) -> None:
        """Raises `Missing` for codes that are no entries of one codebook."""
        codebook, positions = self._codebook(vae)
        place = torch.arange(1, positions + 1).repeat_interleave(len(codebook))
        unit = 1 + torch.arange(self.hidden) * max(positions - 1, 1) // self.hidden
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.network = nn.Sequential(Masked(place <= unit[:, None]), nn.SiLU(), Masked(unit < place[:, None]))

    def logits(self, index: Tensor, codes: int) -> Tensor:
        """Of the codes at each position of (n, positions), given those before it: (n, positions, codes)."""
        ones = F.one_hot(index, codes).to(torch.get_default_dtype())
        return self.network(ones.flatten(1)).unflatten(1, (-1, codes))

    def fit(self, vae: VAE, codes: Encoded, seed: int) -> None:
        index, count = codes.index, len(self._codebook(vae)[0])
        key = torch.tensor(random.key(seed, "autoregressive"), device=index.device)

        def loss(step: int) -> Tensor:
            with random.stream(random.fold(key, step)):
                chosen = batch(BATCH, len(index), vae.like)
            return F.cross_entropy(self.logits(index[chosen], count).flatten(0, 1), index[chosen].flatten())

        descend(self, loss, self.steps, LEARNING_RATE)

    def sample(self, vae: VAE, count: int) -> Tensor:
        codebook, positions = self._codebook(vae)
        index = torch.zeros(count, positions, dtype=torch.long, device=codebook.device)
        for position in range(positions):
            masses = self.logits(index, len(codebook))[:, position].softmax(-1).cumsum(-1)
            index[:, position] = (random.uniform((count, 1), masses) > masses[:, :-1]).sum(-1)
        return codebook[index].flatten(1)

    def _codebook(self, vae: VAE) -> tuple[Tensor, int]:
        """Entries (codes, size), and how many of them a latent is made of."""
        assert vae.prior is not None
        law = vae.prior(vae.encoder)
        if not isinstance(law, Codes):
            raise Missing("sampler 'autoregressive' does not apply: its codes are no entries of one codebook")
        return law.codebook, law.positions
