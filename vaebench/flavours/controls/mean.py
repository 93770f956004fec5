r"""Control: ignores its input and returns the mean image of the training set.

A model of independent pixels whose rate is 0, so that its ELBO is its evidence: every flavour must beat it.
"""

import torch
from torch import Tensor, nn

from vaebench.errors import VaebenchError
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.flavour import flavour
from vaebench.model.parts.decoders import fit_scale


class PriorEncoder(nn.Module):
    r"""$q(z|x) = \mathcal N(0, 1)$."""

    zero: Tensor

    def __init__(self, design) -> None:
        super().__init__()
        self.register_buffer("zero", torch.zeros(design.latent))

    def forward(self, x: Tensor) -> Gaussian:
        zeros = self.zero.expand(len(x), -1)
        return Gaussian(zeros, zeros)


class ConstantDecoder(nn.Module):
    """The same features for every latent."""

    features: Tensor

    def __init__(self, design) -> None:
        super().__init__()
        self.likelihood = design.likelihood().requires_grad_(False)
        if self.likelihood.features != 1:
            name = type(self.likelihood).__name__
            raise VaebenchError(f"flavour 'mean' fits no '{name}' likelihood: leave it out, or take one of one feature")
        self.register_buffer("features", torch.zeros(design.image))

    def forward(self, z: Tensor):
        return self.likelihood(self.features.expand(*z.shape[:-1], *self.features.shape))


@flavour(encoder=PriorEncoder, decoder=ConstantDecoder)
def mean(vae, x):
    r"""$-\log p(x)$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}


@mean.finish
def fit(vae, images: Tensor, *, bound: float = 15.0) -> None:
    """Find by bisection the features whose distribution has the mean image as its mean, and fit the likelihood's scale.

    Features stay within the bound of their means, which keeps a pixel that is never set in training from an infinite
    surprise in the test.
    """
    target = images.double().mean(0).to(images.dtype)
    low, high = target - bound, target + bound
    for _ in range(40):
        middle = (low + high) / 2
        above = vae.decoder.likelihood(middle).mean > target
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    vae.decoder.features.copy_((low + high) / 2)
    fit_scale(vae, images)
