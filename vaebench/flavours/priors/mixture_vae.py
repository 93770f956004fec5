r"""VAE with a learned mixture of Gaussians as prior: the baseline of Tomczak & Welling 2018, https://arxiv.org/abs/1705.07120."""

import torch
from torch import nn

from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.distributions.mixture import Mixture
from vaebench.model.flavour import flavour
from vaebench.study.ranges import Count


class MixturePrior(nn.Module):
    r"""$\sum_k w_k\,\mathcal N(\mu_k, \mathrm{diag}\,\sigma_k^2)$, all of it learned."""

    def __init__(self, design, *, components) -> None:
        super().__init__()
        self.means = nn.Parameter(torch.randn(components, design.latent))
        self.log_stds = nn.Parameter(torch.zeros(components, design.latent))
        self.logits = nn.Parameter(torch.zeros(components))

    def forward(self, encoder):
        return Mixture(Gaussian(self.means, self.log_stds), self.logits.log_softmax(-1))


@flavour(prior=MixturePrior)
def mixture_vae(vae, x, *, components: Count = 50):
    r"""$\mathbb E_q[-\log p(x|z) + \log q(z|x) - \log \textstyle\sum_k w_k \mathcal N(z; \mu_k, \sigma_k^2)]$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
