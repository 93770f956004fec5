r"""RAE of L2-regularised decoder. Ghosh et al. 2020, https://arxiv.org/abs/1903.12436, section 3.

The decay is that of the decoder's network, not of the likelihood's own parameters. There is no prior: to sample, the
paper fits a density to the codes afterwards.
"""

from vaebench.model.flavour import flavour
from vaebench.model.parts.encoders import PointEncoder
from vaebench.study.ranges import NonNegative


@flavour(encoder=PointEncoder, prior=None)
def rae_l2(vae, x, *, weight: NonNegative = 0.01, decay: NonNegative = 0.001):
    r"""$-\log p(x|z) + \frac w2 \|z\|^2 + \lambda \|\theta\|^2$ at $z = \mu(x)$,
    where $\theta$ are the parameters of the decoder's network."""
    draw = vae(x)
    return {
        "distortion": -draw.log_px,
        "embedding": 0.5 * weight * draw.z.square().sum(-1),
        "decoder": decay * sum(parameter.square().sum() for parameter in vae.decoder.network.parameters()),
    }
