r"""VAE of inverse autoregressive flow. Kingma et al. 2016, https://arxiv.org/abs/1606.04934, Algorithm 1.

Every step's network sees ``context`` further outputs of the encoder, and takes the coordinates in the reverse order of
the step before. The rate is that of one sample.
"""

from vaebench.model.flavour import flavour
from vaebench.model.flows.autoregressive import Gated, one_by_one, stacked
from vaebench.model.parts.encoders import FlowEncoder
from vaebench.study.ranges import Count, Widths


def encoder(design, *, steps, hidden, context):
    """A Gaussian and gated autoregressive steps."""
    return FlowEncoder(design, stacked(Gated, one_by_one, design.latent, steps, hidden, context), context)


@flavour(encoder=encoder)
def vae_iaf(vae, x, *, steps: Count = 2, hidden: Widths = (128, 128), context: Count = 64):
    r"""$-\mathbb E[\log p(x|z_T) + \log p(z_T) - \log q(z_0|x) + \sum_t \sum_i \log \sigma_{t, i}]$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
