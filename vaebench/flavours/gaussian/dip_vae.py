r"""DIP-VAE. Kumar et al. 2018, https://arxiv.org/abs/1711.00848, section 3.

Variant i draws the covariance of the posterior means towards the identity, variant ii that of the latents. Moments are
those of the batch. Both weights are counted in nats per pixel, as the likelihood is a sum over pixels.
"""

from typing import Literal

from vaebench.model.flavour import flavour
from vaebench.study.ranges import NonNegative


@flavour()
def dip_vae(
    vae,
    x,
    *,
    variant: Literal["i", "ii"] = "ii",
    lambda_off: NonNegative = 0.0125,
    lambda_diagonal: NonNegative = 0.0125,
):
    r"""$-\mathbb E_q[\log p(x|z)] + \mathrm{KL}(q(z|x) \| p(z)) + \lambda_\mathrm{off} D \sum_{i \ne j} C_{ij}^2
    + \lambda_\mathrm{diagonal} D \sum_i (C_{ii} - 1)^2$ for images of $D$ pixels,
    where $C = \mathrm{Cov}_x\,\mu(x)$ (i) or
    $C = \mathrm{Cov}_x\,\mu(x) + \mathbb E_x\,\mathrm{diag}\,\sigma(x)^2 = \mathrm{Cov}\,z$ (ii)."""
    draw = vae(x)
    centred = draw.q.mean - draw.q.mean.mean(0)
    covariance = centred.T @ centred / len(centred)
    diagonal = covariance.diagonal()
    off = covariance - diagonal.diag_embed()
    if variant == "ii":
        diagonal = diagonal + draw.q.variance.mean(0)
    return {
        "distortion": -draw.log_px,
        "rate": draw.kl,
        "off_diagonal": lambda_off * draw.pixels * off.square().sum(),
        "diagonal": lambda_diagonal * draw.pixels * (diagonal - 1).square().sum(),
    }
