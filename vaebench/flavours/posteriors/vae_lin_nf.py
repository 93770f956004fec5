r"""VAE of planar or radial flow. Rezende & Mohamed 2015, https://arxiv.org/abs/1505.05770, equation 15.

The parameters of every layer are outputs of the encoder, as in the paper, so that each image has a flow of its own.
The rate is that of one sample.
"""

from typing import Literal

from vaebench.model.flavour import flavour
from vaebench.model.flows.amortised import Planar, Radial
from vaebench.model.parts.encoders import FlowEncoder
from vaebench.study.ranges import Count


def encoder(design, *, kind, layers):
    """A Gaussian and as many layers of one kind."""
    flow = {"planar": Planar, "radial": Radial}[kind](design.latent, layers)
    return FlowEncoder(design, flow, flow.features)


@flavour(encoder=encoder)
def vae_lin_nf(vae, x, *, kind: Literal["planar", "radial"] = "planar", layers: Count = 10):
    r"""$-\mathbb E[\log p(x|z_K) + \log p(z_K) - \log q(z_0|x) + \sum_k \log|\det \partial z_k/\partial z_{k-1}|]$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
