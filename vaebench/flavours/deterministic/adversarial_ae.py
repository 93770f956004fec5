r"""Adversarial autoencoder. Makhzani et al. 2016, https://arxiv.org/abs/1511.05644, section 2.

Of the paper's encoders it takes the deterministic one. The encoder follows the usual non-saturating loss, in the same
step as the reconstruction; its ``weight`` is counted per pixel, as the likelihood is a sum over pixels. A loss against
a critic does not compare between epochs, so the last one's weights are kept.
"""

import torch
import torch.nn.functional as F

from vaebench.model.flavour import flavour
from vaebench.model.parts.critics import LatentCritic
from vaebench.model.parts.encoders import PointEncoder
from vaebench.study.ranges import Channels, NonNegative


@flavour(encoder=PointEncoder, critic=LatentCritic, keeps="last")
def adversarial_ae(vae, x, *, weight: NonNegative = 0.0125, critic_hidden: Channels = (256, 256)):
    r"""$-\log p(x|z = \mu(x)) - \lambda D \log\sigma(T(z))$ for images of $D$ pixels,
    where the critic's logit $T$ is $\log\frac{p(z)}{q(z)}$ at its optimum."""
    draw = vae(x)
    return {"distortion": -draw.log_px, "adversarial": weight * draw.pixels * F.softplus(-vae.critic(draw.z))}


@adversarial_ae.player("critic")
def critic(vae, x):
    r"""$-\frac12 \log\sigma(T(z')) - \frac12 \log(1 - \sigma(T(z)))$ at draws $z'$ of the prior."""
    with torch.no_grad():
        draw = vae(x)
        latents = torch.stack((draw.p.rsample(draw.z.shape[:1]), draw.z))
    prior, encoded = vae.critic(latents)
    return {"classification": 0.5 * (F.softplus(-prior) + F.softplus(encoded))}
