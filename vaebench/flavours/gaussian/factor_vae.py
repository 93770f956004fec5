r"""FactorVAE. Kim & Mnih 2018, https://arxiv.org/abs/1802.05983, equation 2.

The critic compares fresh latents of the same batch with their own permutation (the paper permutes those of a second
batch), and is much narrower than the paper's six layers of 1000, which would cost several times the VAE itself.
"""

import torch
import torch.nn.functional as F

from vaebench.model.flavour import flavour
from vaebench.model.objectives.bounds import negative_elbo
from vaebench.model.objectives.total_correlation import permuted
from vaebench.model.parts.critics import LatentCritic
from vaebench.study.ranges import Channels, NonNegative


@flavour(critic=LatentCritic)
def factor_vae(vae, x, *, gamma: NonNegative = 10.0, critic_hidden: Channels = (256, 256)):
    r"""$-\mathbb E_q[\log p(x|z)] + \mathrm{KL}(q(z|x) \| p(z)) + \gamma\,T(z)$,
    where the critic's logit $T$ is $\log\frac{q(z)}{\prod_d q(z_d)}$ at its optimum."""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl, "total_correlation": gamma * vae.critic(draw.z)}


factor_vae.criterion(negative_elbo)  # the critic's estimate does not compare between epochs


@factor_vae.player("critic")
def critic(vae, x):
    r"""$-\frac12 \log\sigma(T(z)) - \frac12 \log(1 - \sigma(T(z')))$ at latents $z$ and their permutation $z'$."""
    with torch.no_grad():
        z = vae(x).z
    joint, product = vae.critic(torch.stack((z, permuted(z))))
    return {"classification": 0.5 * (F.softplus(-joint) + F.softplus(product))}
