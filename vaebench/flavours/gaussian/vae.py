r"""VAE. Kingma & Welling 2014, https://arxiv.org/abs/1312.6114, equation 3."""

from vaebench.model.flavour import flavour


@flavour()
def vae(vae, x):
    r"""$-\mathbb E_q[\log p(x|z)] + \mathrm{KL}(q(z|x) \| p(z))$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
