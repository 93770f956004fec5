r"""WAE-MMD. Tolstikhin et al. 2018, https://arxiv.org/abs/1711.01558, algorithm 2.

The encoder is deterministic. The paper's cost is the squared error; ours is that of the study's likelihood, in nats.
``weight`` is counted in nats per pixel, as the likelihood is a sum over pixels.
"""

from typing import Literal

from vaebench.model.flavour import flavour
from vaebench.model.objectives.mmd import mmd
from vaebench.model.parts.encoders import PointEncoder
from vaebench.study.ranges import NonNegative, Positive


@flavour(encoder=PointEncoder)
def wae_mmd(vae, x, *, weight: NonNegative = 0.125, kernel: Literal["imq", "rbf"] = "imq", bandwidth: Positive = 1.0):
    r"""$-\log p(x|z = \mu(x)) + \lambda D\,\mathrm{MMD}^2(q(z), p(z))$ for images of $D$ pixels."""
    draw = vae(x)
    discrepancy = mmd(draw.z, draw.p.rsample(draw.z.shape[:1]), kernel, bandwidth)
    return {"distortion": -draw.log_px, "discrepancy": weight * draw.pixels * discrepancy}
