r"""VAE of flow prior. Chen et al. 2017, https://arxiv.org/abs/1611.02731; Huang et al. 2017,
https://arxiv.org/abs/1710.02248.

The prior is a RealNVP (Dinh et al. 2017, https://arxiv.org/abs/1605.08803) that maps latents to noise, so that a
density is one pass, and a sample two for each layer.
"""

import torch
from torch import Tensor, nn

from vaebench.model.distributions.flowed import Flowed
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flavour import flavour
from vaebench.model.flows.autoregressive import Affine, by_halves, stacked
from vaebench.model.flows.flow import Inverted
from vaebench.study.ranges import Count, Widths


class FlowPrior(nn.Module):
    r"""The law of $f^{-1}(\epsilon)$ for $\epsilon \sim \mathcal N(0, 1)$."""

    zero: Tensor

    def __init__(self, design, *, layers, hidden) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(design.latent))
        self.flow = Inverted(stacked(Affine, by_halves, design.latent, layers, hidden))

    def forward(self, encoder: nn.Module) -> Flowed:
        return Flowed(Gaussian(self.zero, self.zero), self.flow)


@flavour(prior=FlowPrior)
def flow_prior_vae(vae, x, *, layers: Count = 6, hidden: Widths = (128, 128)):
    r"""$-\mathbb E_q[\log p(x|z) + \log\mathcal N(f(z); 0, 1) + \log|\det \partial f/\partial z| - \log q(z|x)]$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
