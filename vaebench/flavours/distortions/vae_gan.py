r"""VAE-GAN. Larsen et al. 2016, https://arxiv.org/abs/1512.09300, algorithm 1.

The features are those of the critic's first layer, each image's brought to mean 0 and variance 1 where the paper has
batch normalisation: a critic that shrank them would make the rate dear, one that inflated them would make it free. With
features of a deeper layer, encoder and decoder agreed on noise that looks like digits to the critic alone. The decoder
follows the usual non-saturating adversarial loss. In place of the paper's pauses for whoever leads, the critic's slope
at real images is penalised, as by Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 9. Pixels of
decoded images are the means of the study's likelihood, whose own parameters, if any, stay as they start.

Distances in features that move do not compare between epochs, so validation, which chooses the weights that are kept,
is by the negative ELBO.
"""

from math import prod
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaebench.model.flavour import flavour
from vaebench.model.networks import dense
from vaebench.model.parts.decoders import MeanDecoder
from vaebench.study.ranges import Interval, NonNegative


class ImageCritic(nn.Module):
    """Images (..., channels, height, width) to features (..., features); ``logit`` maps those to one logit (...)."""

    def __init__(self, design, *, features: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(-3), nn.Linear(prod(design.image), features))
        self.normalise = nn.LayerNorm(features, elementwise_affine=False)
        self.head = nn.Sequential(nn.SiLU(), *dense((features, features // 2), "silu"), nn.Linear(features // 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.normalise(self.trunk(x))

    def logit(self, features: Tensor) -> Tensor:
        return self.head(features).squeeze(-1)


def distance(one: Tensor, other: Tensor) -> Tensor:
    r"""$-\log \mathcal N(f; f', 1)$ without its constant, nats, (batch,)."""
    return 0.5 * (one - other).square().sum(-1)


def decoded(vae, draw) -> Tensor:
    """Mean images of a draw's latents and of as many of the prior, (2, batch, channels, height, width)."""
    return torch.stack((draw.px.mean, vae.decode(draw.p.rsample(draw.z.shape[:1]))))


@flavour(decoder=MeanDecoder, critic=ImageCritic)
def vae_gan(
    vae,
    x,
    *,
    gamma: NonNegative = 1.0,
    features: Annotated[int, Interval(int, 2)] = 512,
    penalty: NonNegative = 10.0,
    progress,
):
    r"""$\frac12 \|f(x) - f(\hat x(z))\|^2 + \mathrm{KL}(q(z|x) \| p(z))$
    with the critic's features $f$ and decoded images $\hat x$."""
    draw = vae(x)
    if progress == 1:
        return {"distortion": -draw.log_px, "rate": draw.kl}
    return {"feature_distance": distance(vae.critic(draw.x), vae.critic(draw.px.mean)), "rate": draw.kl}


@vae_gan.player("decoder")
def decoder(vae, x, *, gamma):
    r"""$\frac\gamma2 \|f(x) - f(\hat x(z))\|^2 - \log\sigma(T(\hat x(z))) - \log\sigma(T(\hat x(z')))$
    with the critic's logit $T$ and draws $z'$ of the prior."""
    draw = vae(x)
    features = vae.critic(decoded(vae, draw))
    return {
        "decoder_feature_distance": gamma * distance(vae.critic(draw.x), features[0]),
        "adversarial": F.softplus(-vae.critic.logit(features)).sum(0),
    }


@vae_gan.player("critic")
def critic(vae, x, *, penalty):
    r"""$-\log\sigma(T(x)) - \log(1 - \sigma(T(\hat x(z)))) - \log(1 - \sigma(T(\hat x(z'))))
    + \frac\lambda2 \|\nabla_x T(x)\|^2$ with weight $\lambda$ of the penalty."""
    with torch.no_grad():
        draw = vae(x)
        images = torch.cat((draw.x[None], decoded(vae, draw)))
    real, *fake = vae.critic.logit(vae.critic(images))
    terms = {"classification": F.softplus(-real) + sum(map(F.softplus, fake))}
    if penalty:
        slope = torch.func.grad(lambda image: vae.critic.logit(vae.critic(image)).sum())(draw.x)
        terms["penalty"] = 0.5 * penalty * slope.square().flatten(1).sum(-1)
    return terms
