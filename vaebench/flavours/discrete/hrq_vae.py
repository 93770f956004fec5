r"""HRQ-VAE, hierarchical refinement quantisation. Hosking et al. 2022, https://arxiv.org/abs/2203.03463.

The latent is a sum of codes, one per level, each drawn by its distance from what the levels above leave over. The prior
over codes is uniform, and samples are codes in training too (straight-through Gumbel-softmax; those of the authors'
configuration are relaxed), so that with beta = 1 distortion and rate bound the evidence. Depth dropout keeps the first
level, cuts prior and posterior alike, and ends with training. The authors' model of sentences has 16 codes at 3 levels
and a dropout of 0.3.
"""

import torch
from torch import Tensor, nn

from vaebench.model.distributions.codes import Refined, Refinements
from vaebench.model.flavour import flavour
from vaebench.model.objectives.schedule import cooled
from vaebench.study.ranges import Count, Fraction, NonNegative, Positive


class RefiningEncoder(nn.Module):
    """Codes of every level: ``codebooks`` is (levels, codes, latent), its norms halved from level to level."""

    dropout: Tensor
    temperature: Tensor

    def __init__(self, design, *, codes: int, levels: int, dropout: float, hot: float) -> None:
        super().__init__()
        self.network = design.network.encoder(design.latent)
        scales = 0.5 ** torch.arange(levels)
        self.codebooks = nn.Parameter(scales[:, None, None] * torch.randn(levels, codes, design.latent))
        self.register_buffer("dropout", torch.tensor(dropout))
        self.register_buffer("temperature", torch.tensor(hot))

    def forward(self, x: Tensor) -> Refinements:
        return Refinements(self.network(x), self.codebooks, self.dropout, self.temperature)


class RefinedPrior(nn.Module):
    """Uniform over the encoder's codes at every level."""

    def __init__(self, design) -> None:
        super().__init__()

    def forward(self, encoder) -> Refined:
        return Refined(encoder.codebooks, encoder.dropout)


@flavour(encoder=RefiningEncoder, prior=RefinedPrior)
def hrq_vae(
    vae,
    x,
    *,
    codes: Count = 64,
    levels: Count = 4,
    beta: NonNegative = 1.0,
    norm: NonNegative = 0.5,
    ratio: Positive = 1.5,
    dropout: Fraction = 0.1,
    hot: Positive = 1.0,
    cold: Positive = 0.5,
    progress,
):
    r"""$-\mathbb E_q[\log p(x|z)] + \beta \sum_l \mathrm{KL}(q(k_l|x, k_{<l}) \| p(k_l))
    + \nu\,\mathbb E_l[(\max(\rho \|C_{l+1}\| / \|C_l\|, 1) - 1)^2]$,
    where $z = \sum_l C_{l, k_l}$ and $\|C_l\|$ is the mean norm of the codes of a level."""
    draw = vae(x)
    norms = vae.encoder.codebooks.norm(dim=-1).mean(-1)
    excess = (ratio * norms[1:] / norms[:-1] - 1).relu().square().sum() / max(levels - 1, 1)
    temperature = cooled(hot, cold, progress).expand_as(vae.encoder.temperature)
    terms = {"distortion": -draw.log_px, "rate": beta * draw.kl, "norm": norm * excess}
    return terms, {"encoder.temperature": temperature}


@hrq_vae.finish
def keep(vae, images: Tensor) -> None:
    """A trained model uses every level."""
    vae.encoder.dropout.zero_()
