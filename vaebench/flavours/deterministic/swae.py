r"""Sliced-Wasserstein autoencoder. Kolouri et al. 2019, https://arxiv.org/abs/1804.01947, equation 16.

The encoder is deterministic. The discrepancy is that of the samples, so it is above 0 even for latents of the prior.
``weight`` is counted in nats per pixel, as the likelihood is a sum over pixels.
"""

import torch
from torch import Tensor

from vaebench import random
from vaebench.model.flavour import flavour
from vaebench.model.parts.encoders import PointEncoder
from vaebench.study.ranges import Count, NonNegative


def sliced_wasserstein(x: Tensor, y: Tensor, projections: int) -> Tensor:
    r"""Mean over random directions of the squared 2-Wasserstein distance of two projected samples, (count, d) each."""
    directions = random.normal((projections, x.shape[-1]), like=x)
    directions = directions / directions.norm(dim=-1, keepdim=True)
    first, second = (directions @ torch.stack((x, y)).mT).sort(-1).values
    return (first - second).square().mean()


@flavour(encoder=PointEncoder)
def swae(vae, x, *, weight: NonNegative = 0.125, projections: Count = 50):
    r"""$-\log p(x|z = \mu(x)) + \lambda D\,\mathrm{SW}_2^2(q(z), p(z))$ for images of $D$ pixels."""
    draw = vae(x)
    distance = sliced_wasserstein(draw.z, draw.p.rsample(draw.z.shape[:1]), projections)
    return {"distortion": -draw.log_px, "discrepancy": weight * draw.pixels * distance}
