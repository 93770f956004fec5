r"""Hyperspherical VAE. Davidson et al. 2018, https://arxiv.org/abs/1804.00891, equations 2 to 4.

The sphere has ``latent`` dimensions, hence latents are unit vectors of latent + 1 coordinates, as in the authors' code.
The point estimate is the mean direction. Gradients flow through samples by implicit reparameterisation, which is exact
where the paper's estimator needs a correction term from the loss (`vaebench.distributions.reparameterisation`).
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..distributions.von_mises_fisher import UniformSphere, VonMisesFisher
from ..flavour import flavour
from ..parts import network_decoder


class von_mises_fisher_encoder(nn.Module):
    r"""$x \mapsto \mathrm{vMF}(\mu(x), \kappa(x))$ with $\kappa > 1$."""

    def __init__(self, design) -> None:
        super().__init__()
        self.network = design.network.encoder(design.latent + 2)

    def forward(self, x):
        features = self.network(x)
        return VonMisesFisher(F.normalize(features[..., :-1], dim=-1), F.softplus(features[..., -1]) + 1)


class uniform_prior(nn.Module):
    """Uniform on the sphere."""

    zero: Tensor

    def __init__(self, design) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(design.latent + 1))

    def forward(self, encoder):
        return UniformSphere(self.zero)


def sphere_decoder(design):
    """The network on the sphere's coordinates."""
    return network_decoder(replace(design, latent=design.latent + 1))


@flavour(encoder=von_mises_fisher_encoder, prior=uniform_prior, decoder=sphere_decoder)
def svae(vae, x):
    r"""$-\mathbb E_q[\log p(x|z)] + \mathrm{KL}(\mathrm{vMF}(\mu, \kappa) \| \mathrm U(S^d))$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
