r"""VAE-GAN. Larsen et al. 2016, https://arxiv.org/abs/1512.09300, algorithm 1.

The features are those of the critic's first layer, and their distance is counted per pixel and in units of their
variance over the batch, where the paper has batch normalisation: a critic that shrank them would make the rate dear,
one that inflated them would make it free. That layer's weights are large, so that a step turns them little: fast ones
turned to the few directions that tell real from decoded images, and encoder and decoder forgot all others (on MNIST the
mean image was nearer to an image than its reconstruction). With features of a deeper layer, the two agreed on noise
that looks like digits to the critic alone. The decoder follows the usual non-saturating adversarial loss. In place of
the paper's pauses for whoever leads, the critic's slope at real images is penalised, as by Mescheder et al. 2018,
https://arxiv.org/abs/1801.04406, equation 9. Pixels of decoded images are the means of the study's likelihood, whose
scale, if any, is fitted after training. They are held against the images before binarisation: a critic would tell bits
from means at a glance.

Distances in features that move do not compare between epochs, which the negative ELBO does.
"""

from math import prod
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaebench.model.flavour import flavour
from vaebench.model.networks import dense
from vaebench.model.objectives.bounds import negative_elbo
from vaebench.model.parts.decoders import MeanDecoder, fit_scale
from vaebench.study.ranges import Interval, NonNegative

SLOWNESS = 10.0  # by which weights of the first layer are larger, and its outputs are divided
EPSILON = 1e-5  # of a variance


class ImageCritic(nn.Module):
    """Images (..., channels, height, width) to features (..., features); ``logit`` maps those to one logit (...)."""

    def __init__(self, design, *, features: int) -> None:
        super().__init__()
        first = nn.Linear(prod(design.image), features)
        with torch.no_grad():
            for parameter in first.parameters():
                parameter.mul_(SLOWNESS)
        self.trunk = nn.Sequential(nn.Flatten(-3), first)
        self.head = nn.Sequential(nn.SiLU(), *dense((features, features // 2), "silu"), nn.Linear(features // 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.trunk(x) / SLOWNESS

    def logit(self, features: Tensor) -> Tensor:
        return self.head(features).squeeze(-1)


def distance(critic: ImageCritic, images: Tensor, features: Tensor) -> Tensor:
    r"""$\frac D2 \|f(g) - f'\|^2$ from the features of images $g$ of $D$ pixels to others, nats, (batch,).

    The norm is the root mean square over features, in units of the standard deviation of those of the batch.
    """
    own = critic(images)
    return 0.5 * images[0].numel() * (own - features).square().mean(-1) / (own.var(0, correction=0).mean() + EPSILON)


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
    grey,
):
    r"""$\frac D2 \|f(g) - f(\hat x(z))\|^2 + \mathrm{KL}(q(z|x) \| p(z))$
    with the critic's features $f$ of images $g$ of $D$ pixels, observed as $x$, and of decoded images $\hat x$."""
    draw = vae(x)
    return {"feature_distance": distance(vae.critic, grey, vae.critic(draw.px.mean)), "rate": draw.kl}


vae_gan.criterion(negative_elbo)
vae_gan.finish(fit_scale)


@vae_gan.player("decoder")
def decoder(vae, x, *, gamma, grey):
    r"""$\frac{\gamma D}2 \|f(g) - f(\hat x(z))\|^2 - \log\sigma(T(\hat x(z))) - \log\sigma(T(\hat x(z')))$
    with the critic's logit $T$ and draws $z'$ of the prior."""
    draw = vae(x)
    features = vae.critic(decoded(vae, draw))
    return {
        "decoder_feature_distance": gamma * distance(vae.critic, grey, features[0]),
        "adversarial": F.softplus(-vae.critic.logit(features)).sum(0),
    }


@vae_gan.player("critic")
def critic(vae, x, *, penalty, grey):
    r"""$-\log\sigma(T(g)) - \log(1 - \sigma(T(\hat x(z)))) - \log(1 - \sigma(T(\hat x(z'))))
    + \frac\lambda2 \|\nabla_g T(g)\|^2$ with weight $\lambda$ of the penalty."""
    with torch.no_grad():
        draw = vae(x)
        images = torch.cat((grey[None], decoded(vae, draw)))
    real, *fake = vae.critic.logit(vae.critic(images))
    terms = {"classification": F.softplus(-real) + sum(map(F.softplus, fake))}
    if penalty:
        slope = torch.func.grad(lambda image: vae.critic.logit(vae.critic(image)).sum())(grey)
        terms["penalty"] = 0.5 * penalty * slope.square().flatten(1).sum(-1)
    return terms
