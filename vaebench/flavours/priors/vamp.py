r"""VampPrior VAE. Tomczak & Welling 2018, https://arxiv.org/abs/1705.07120, equation 8.

The pseudo-inputs are the logistic function of free parameters: the paper's clipping would never move a pixel at 0 or 1,
as most of those are in the training images that they start from.
"""

import torch
from torch import nn

from vaebench import random
from vaebench.errors import VaebenchError
from vaebench.model.distributions.mixture import Mixture
from vaebench.model.flavour import flavour
from vaebench.study.ranges import Count


class VampPrior(nn.Module):
    r"""$\frac 1 K \sum_k q(z|u_k)$ with learned images $u_k$."""

    def __init__(self, design, *, components) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.randn(components, *design.image))

    def forward(self, encoder):
        components = encoder(self.logits.sigmoid())
        return Mixture(components, torch.zeros_like(components.mean[:, 0]).log_softmax(-1))


@flavour(prior=VampPrior)
def vamp(vae, x, *, components: Count = 500):
    r"""$\mathbb E_q[-\log p(x|z) + \log q(z|x) - \log \tfrac 1 K \textstyle\sum_k q(z|u_k)]$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}


@vamp.begin
def start(vae, images) -> None:
    """Pseudo-inputs start as training images drawn at random, with a little noise that tells repeated ones apart."""
    if not 0 <= images.min() <= images.max() <= 1:
        raise VaebenchError("flavour 'vamp': pseudo-inputs lie in [0, 1], these data do not: leave it out")
    logits = vae.prior.logits
    chosen = random.rows(images, len(logits))
    logits.copy_((0.02 + 0.95 * chosen + 0.02 * random.uniform(chosen.shape, chosen)).logit())
