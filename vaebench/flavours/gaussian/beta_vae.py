r"""beta-VAE. Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl, equation 4."""

from vaebench.model.flavour import flavour
from vaebench.study.ranges import NonNegative


@flavour()
def beta_vae(vae, x, *, beta: NonNegative = 4.0):
    r"""$-\mathbb E_q[\log p(x|z)] + \beta\,\mathrm{KL}(q(z|x) \| p(z))$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": beta * draw.kl}
