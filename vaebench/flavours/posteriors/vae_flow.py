r"""VAE of coupling or autoregressive flow. Rezende & Mohamed 2015, https://arxiv.org/abs/1505.05770, equation 15.

Layers are those of NICE (Dinh et al. 2015, https://arxiv.org/abs/1410.8516), of RealNVP (Dinh et al. 2017,
https://arxiv.org/abs/1605.08803) or of MAF (Papamakarios et al. 2017, https://arxiv.org/abs/1705.07057), each given
``context`` outputs of the encoder. MAF keeps the paper's direction: its density is one pass, but each of its layers
draws the latents one by one, so that a step costs as many passes of these networks as there are latents; `vae_iaf` is
the other direction. The rate is that of one sample.
"""

from typing import Literal

from vaebench.model.flavour import flavour
from vaebench.model.flows.autoregressive import Additive, Affine, Scaling, by_halves, one_by_one, stacked
from vaebench.model.flows.flow import Chain, Flow, Inverted
from vaebench.model.parts.encoders import FlowEncoder
from vaebench.study.ranges import Count, Widths


def encoder(design, *, kind, layers, hidden, context):
    """A Gaussian and layers of one kind."""
    size = design.latent, layers, hidden, context
    flow: Flow
    if kind == "nice":
        flow = Chain(stacked(Additive, by_halves, *size), Scaling(design.latent))
    elif kind == "realnvp":
        flow = stacked(Affine, by_halves, *size)
    else:
        flow = Inverted(stacked(Affine, one_by_one, *size))
    return FlowEncoder(design, flow, context)


@flavour(encoder=encoder)
def vae_flow(
    vae,
    x,
    *,
    kind: Literal["nice", "realnvp", "maf"] = "realnvp",
    layers: Count = 4,
    hidden: Widths = (64,),
    context: Count = 64,
):
    r"""$-\mathbb E[\log p(x|z_K) + \log p(z_K) - \log q(z_0|x) + \sum_k \log|\det \partial z_k/\partial z_{k-1}|]$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
