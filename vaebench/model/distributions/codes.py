r"""Distributions over finitely many latents, whose samples pass gradients straight through (Bengio et al. 2013).

``masses`` of a posterior are those of the codes at each position of its latents, (batch, positions, codes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution, register_kl

from vaebench import random


def straight_through(value: Tensor, smooth: Tensor) -> Tensor:
    """``value`` to the last bit, with the gradient of ``smooth``."""
    return value.detach() + (smooth - smooth.detach())


class Code(Distribution):
    """All mass, 1, at ``code``, which stands for the nearby ``continuous`` in gradients; both (batch, latent).

    ``index`` (batch, vectors) tells which entry of the codebook, of so many ``codes``, each of its vectors is.
    """

    space = "discrete"
    has_rsample = True

    def __init__(self, continuous: Tensor, code: Tensor, index: Tensor, codes: int) -> None:
        self.continuous, self.code, self.index, self.codes = continuous, code, index, codes
        super().__init__(code.shape[:-1], code.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return straight_through(self.code, self.continuous)

    @property
    def masses(self) -> Tensor:
        return F.one_hot(self.index, self.codes).to(self.code.dtype)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        return self.mean.expand(*sample_shape, *self.code.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass at ``code``, the only value it is asked for: 0."""
        return value.new_zeros(value.shape[:-1])


class Codes(Distribution):
    """Latents made of ``latent / size`` vectors, each uniform over a codebook (codes, size)."""

    def __init__(self, codebook: Tensor, latent: int) -> None:
        self.codebook, self.positions = codebook, latent // codebook.shape[-1]
        super().__init__(event_shape=torch.Size((latent,)), validate_args=False)

    @property
    def entropy_each(self) -> float:
        """Entropy of one vector, nats."""
        return math.log(len(self.codebook))

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noise = random.uniform((*sample_shape, self.positions), self.codebook)
        return self.codebook[(noise * len(self.codebook)).long()].flatten(-2)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats, the same for all."""
        return value.new_full(value.shape[:-1], -self.positions * self.entropy_each)


class Bits(Distribution):
    r"""Independent $z_i \in \{0, 1\}$ from logits (batch, latent); gradients are those of the binary concrete.

    Maddison et al. 2017, https://arxiv.org/abs/1611.00712, appendix B.
    """

    space = "discrete"
    has_rsample = True

    def __init__(self, logits: Tensor, temperature: Tensor) -> None:
        self.logits, self.temperature = logits, temperature
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.logits.sigmoid()

    @property
    def masses(self) -> Tensor:
        return torch.stack((-self.logits, self.logits), -1).sigmoid()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        noisy = self.logits + random.uniform((*sample_shape, *self.logits.shape), self.logits).logit()
        return straight_through((noisy > 0).to(noisy.dtype), (noisy / self.temperature).sigmoid())

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats, shape (..., batch)."""
        return (value * self.logits - F.softplus(self.logits)).sum(-1)


@register_kl(Bits, Codes)
def _bits_codes(q: Bits, p: Codes) -> Tensor:
    return (q.mean * q.logits - F.softplus(q.logits) + p.entropy_each).sum(-1)


class Refinements(Distribution):
    r"""$z = \sum_l C_{l, k_l}$, where $k_l$ is drawn with log odds $-\|u - \sum_{m < l} C_{m, k_m} - C_{l, k}\|^2$.

    From ``u`` (batch, latent) and ``codebooks`` $C$ (levels, codes, latent). Each level below the first ends the sum
    with probability ``dropout``; the codes that are left out are then drawn from the uniform prior, in all densities.
    """

    space = "discrete"
    has_rsample = True
    drawn: tuple[Tensor, Tensor, Tensor]
    log_masses: list[Tensor]

    def __init__(self, u: Tensor, codebooks: Tensor, dropout: Tensor, temperature: Tensor) -> None:
        self.u, self.codebooks, self.dropout, self.temperature = u, codebooks, dropout, temperature
        super().__init__(u.shape[:-1], u.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        """All levels, each of its likeliest code."""
        z = torch.zeros_like(self.u)
        for codebook in self.codebooks:
            z = z + codebook[_log_odds(self.u - z, codebook).argmax(-1)]
        return z

    @property
    def masses(self) -> Tensor:
        """Of each level, given the codes above it that were drawn last."""
        return torch.stack(self.log_masses, -2).exp()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        levels, count, _ = self.codebooks.shape
        shape = (*sample_shape, *self.batch_shape)
        gumbel = -(-random.uniform((levels, *shape, count), self.u).log()).log()
        kept = depth(shape, levels, self.dropout)
        z, log_mass, rate = (torch.zeros((), dtype=self.u.dtype, device=self.u.device) for _ in range(3))
        self.log_masses = []
        for codebook, noise, keep in zip(self.codebooks, gumbel, kept, strict=True):
            log_q = _log_odds(self.u - z, codebook).log_softmax(-1)
            self.log_masses.append(log_q)
            noisy = log_q + noise
            chosen = F.one_hot(noisy.argmax(-1), count).to(noisy.dtype)
            code = straight_through(chosen, (noisy / self.temperature).softmax(-1)) @ codebook
            z = z + keep[..., None] * code
            log_mass = log_mass + torch.where(keep > 0, (chosen * log_q).sum(-1), -math.log(count))
            rate = rate + keep * ((log_q.exp() * log_q).sum(-1) + math.log(count))
        self.drawn = z, log_mass, rate
        return z

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats, shape (..., batch), of the codes of the last ``rsample``, which alone it is asked for."""
        assert value is self.drawn[0]
        return self.drawn[1]


class Refined(Distribution):
    """`Refinements` of codes that are all uniform, summed to as random a depth."""

    def __init__(self, codebooks: Tensor, dropout: Tensor) -> None:
        self.codebooks, self.dropout = codebooks, dropout
        super().__init__(event_shape=codebooks.shape[-1:], validate_args=False)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        levels, count, _ = self.codebooks.shape
        index = (random.uniform((levels, *sample_shape), self.codebooks) * count).long()
        kept = depth(tuple(sample_shape), levels, self.dropout)
        chosen = torch.stack([codebook[each] for codebook, each in zip(self.codebooks, index, strict=True)])
        return (kept[..., None] * chosen).sum(0)

    def log_prob(self, value: Tensor) -> Tensor:
        """Log mass in nats of any codes."""
        return value.new_full(value.shape[:-1], -len(self.codebooks) * math.log(self.codebooks.shape[1]))


@register_kl(Refinements, Refined)
def _refinements_refined(q: Refinements, p: Refined) -> Tensor:
    """Exact at every level, given the codes above it that were drawn last."""
    return q.drawn[2]


def _log_odds(rest: Tensor, codebook: Tensor) -> Tensor:
    """Minus the squared distances to a codebook (codes, latent), up to a constant: (..., codes)."""
    return 2 * rest @ codebook.T - codebook.square().sum(-1)


def depth(shape: tuple[int, ...], levels: int, dropout: Tensor) -> Tensor:
    """1 for each level that counts, the first among them, and 0 for those that are left out: (levels, *shape)."""
    stays = random.uniform((levels - 1, *shape), dropout) >= dropout
    return torch.cat((stays.new_ones((1, *shape)), stays)).cumprod(0)
