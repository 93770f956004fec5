r"""VQ-VAE. van den Oord et al. 2017, https://arxiv.org/abs/1711.00937, equation 3 and appendix A.1.

The latent is cut into vectors of ``code_size`` coordinates, each replaced by the nearest code of one codebook; the size
must divide the latent size, so that the default is 1. With a uniform prior over codes, distortion and rate bound the
evidence, and the rate is a constant: the paper's 512 codes would charge 6.2 nats for every vector, hence 8.

The codebook starts from outputs of the fresh encoder. ``ema``, the paper's appendix, moves it by running means; by
``gradient`` Adam's small steps let the encoder run away from it in short trainings, so that it is not the default.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaebench import random
from vaebench.errors import VaebenchError
from vaebench.model.distributions.codes import Code
from vaebench.model.flavour import flavour
from vaebench.model.parts.design import Design
from vaebench.model.parts.priors import CodebookPrior
from vaebench.study.ranges import Count, Fraction, NonNegative


def nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    """Index of the entry of ``codebook`` (codes, size) nearest to each of ``vectors`` (..., size): (...)."""
    return (0.5 * codebook.square().sum(-1) - vectors @ codebook.T).argmin(-1)


def whole(design: Design, code_size: int) -> None:
    """Raise `VaebenchError` unless the latent is a whole number of vectors."""
    if design.latent % code_size:
        raise VaebenchError(
            f"flavour 'vq_vae': code_size = {code_size} does not divide the latent size {design.latent}: "
            "take a divisor, such as 1"
        )


class QuantisingEncoder(nn.Module):
    """``codebook`` is (codes, code_size); ``counts`` is how often each code was the nearest, a running mean."""

    codebook: Tensor
    counts: Tensor

    def __init__(self, design, *, codes: int, code_size: int, codebook: str) -> None:
        super().__init__()
        whole(design, code_size)
        self.network, self.code_size = design.network.encoder(design.latent), code_size
        fresh = torch.randn(codes, code_size)
        if codebook == "gradient":
            self.codebook = nn.Parameter(fresh)
        else:
            self.register_buffer("codebook", fresh)
            self.register_buffer("counts", torch.zeros(codes))

    def forward(self, x: Tensor) -> Code:
        continuous = self.network(x)
        index = nearest(continuous.detach().unflatten(-1, (-1, self.code_size)), self.codebook.detach())
        return Code(continuous, self.codebook[index].flatten(-2), index, len(self.codebook))


@flavour(encoder=QuantisingEncoder, prior=CodebookPrior)
def vq_vae(
    vae,
    x,
    *,
    codes: Count = 8,
    code_size: Count = 1,
    commitment: NonNegative = 0.25,
    codebook: Literal["gradient", "ema"] = "ema",
    decay: Fraction = 0.99,
):
    r"""$-\log p(x|z) + P \log K + \|\mathrm{sg}[u] - z\|^2 + \gamma \|u - \mathrm{sg}[z]\|^2$
    for the encoder's output $u$ and its $P$ codes $z$ of $K$; ``ema`` has no third term."""
    draw = vae(x)
    u, z = draw.q.continuous, draw.q.code
    terms = {
        "distortion": -draw.log_px,
        "rate": draw.kl,
        "commitment": commitment * (u - z.detach()).square().sum(-1),
    }
    if codebook == "gradient":
        return terms | {"codebook": (u.detach() - z).square().sum(-1)}
    return terms, averaged(vae.encoder, draw.q, decay)


def averaged(encoder, q: Code, decay: float) -> dict[str, Tensor]:
    r"""Running means: $N \leftarrow \gamma N + (1 - \gamma) n$ and $NC \leftarrow \gamma NC + (1 - \gamma) \sum u$,
    in a form that leaves alone the codes that were nearest to none, however long."""
    chosen = F.one_hot(q.index.flatten(), len(encoder.counts)).to(q.continuous.dtype)
    errors = (q.continuous - q.code).detach().reshape(len(chosen), encoder.code_size)
    counts = decay * encoder.counts + (1 - decay) * chosen.sum(0)
    step = (1 - decay) * (chosen.T @ errors) / counts.clamp_min(1e-9)[:, None]
    return {"encoder.counts": counts, "encoder.codebook": encoder.codebook + step}


@vq_vae.begin
def spread(vae, images: Tensor) -> None:
    """Codes are vectors that the fresh encoder gives for training images, some 1000 of them."""
    vectors = vae.encoder.network(images[:: -(-len(images) // 1000)]).reshape(-1, vae.encoder.code_size)
    chosen = random.uniform((len(vae.encoder.codebook),), vectors) * len(vectors)
    vae.encoder.codebook.copy_(vectors[chosen.long()])
