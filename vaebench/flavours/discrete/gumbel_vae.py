r"""VAE of Bernoulli latents. Jang et al. 2017, https://arxiv.org/abs/1611.01144; Maddison et al. 2017, https://arxiv.org/abs/1611.00712.

Every latent coordinate is one bit. Samples are bits in training too, and only the gradient is that of the relaxation
(straight-through Gumbel-softmax, Jang et al., section 2.2), so that the loss is the bound of the discrete model itself
and no density of the relaxation stands in its place. The point estimate of a code is its mean, the probabilities.

Logits are squashed smoothly into $\pm 6$, so that every bit still flips once in 400 draws: without it, a model of one
or two bits got stuck on MNIST at one value, before the decoder looked at it, and no gradient brought it back.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaebench.model.distributions.codes import Bits
from vaebench.model.flavour import flavour
from vaebench.model.objectives.schedule import cooled
from vaebench.model.parts.priors import CodebookPrior
from vaebench.study.ranges import Positive

LIMIT = 6.0


class BitEncoder(nn.Module):
    r"""$x \mapsto \prod_i \mathrm{Bernoulli}(z_i)$."""

    codebook: Tensor
    temperature: Tensor

    def __init__(self, design, *, hot: float) -> None:
        super().__init__()
        self.network = design.network.encoder(design.latent)
        self.register_buffer("codebook", torch.tensor([[0.0], [1.0]]))
        self.register_buffer("temperature", torch.tensor(hot))

    def forward(self, x: Tensor) -> Bits:
        return Bits(LIMIT * F.softsign(self.network(x) / LIMIT), self.temperature)


@flavour(encoder=BitEncoder, prior=CodebookPrior)
def gumbel_vae(vae, x, *, hot: Positive = 1.0, cold: Positive = 0.5, progress):
    r"""$-\mathbb E_q[\log p(x|z)] + \mathrm{KL}(q(z|x) \| p(z))$ over $z \in \{0, 1\}^d$, with $p(z) = 2^{-d}$;
    the temperature of the gradient falls exponentially from ``hot`` to ``cold``."""
    draw = vae(x)
    temperature = cooled(hot, cold, progress).expand_as(vae.encoder.temperature)
    return {"distortion": -draw.log_px, "rate": draw.kl}, {"encoder.temperature": temperature}
