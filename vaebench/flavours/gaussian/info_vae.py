r"""InfoVAE. Zhao et al. 2019, https://arxiv.org/abs/1706.02262, equation 6, with the maximum mean discrepancy.

The paper's lambda is ``scale`` here (lambda is a word of Python), counted in nats per pixel, as the likelihood is a sum
over pixels.
"""

from math import ceil, prod
from typing import Annotated, Literal

from vaebench.errors import VaebenchError
from vaebench.model.flavour import flavour
from vaebench.model.objectives.mmd import mmd
from vaebench.model.parts.priors import NormalPrior
from vaebench.study.ranges import Interval, NonNegative, Positive


def matched_prior(design, *, alpha: float, scale: float) -> NormalPrior:
    """The normal prior; raises `VaebenchError` for a loss that would drive the latents away from it."""
    pixels = prod(design.image)
    if alpha + scale * pixels < 1:
        raise VaebenchError(
            f"flavour 'info_vae': alpha + scale * pixels = {alpha + scale * pixels:g} is below 1, which would reward "
            f"latents for leaving the prior: raise scale to {ceil(1e6 * (1 - alpha) / pixels) / 1e6:g} or more"
        )
    return NormalPrior(design)


@flavour(prior=matched_prior)
def info_vae(
    vae,
    x,
    *,
    alpha: Annotated[float, Interval(float, high=1)] = 0.0,
    scale: NonNegative = 0.04,
    kernel: Literal["imq", "rbf"] = "imq",
    bandwidth: Positive = 1.0,
):
    r"""$-\mathbb E_q[\log p(x|z)] + (1 - \alpha)\,\mathrm{KL}(q(z|x) \| p(z))
    + (\alpha + \lambda D - 1)\,\mathrm{MMD}^2(q(z), p(z))$ for images of $D$ pixels."""
    draw = vae(x)
    discrepancy = mmd(draw.z, draw.p.rsample(draw.z.shape[:1]), kernel, bandwidth)
    return {
        "distortion": -draw.log_px,
        "rate": (1 - alpha) * draw.kl,
        "discrepancy": (alpha + scale * draw.pixels - 1) * discrepancy,
    }
