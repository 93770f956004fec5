r"""sigma-VAE, optimal variance. Rybkin et al. 2021, https://arxiv.org/abs/2006.13202, equation 6.

Its likelihood is Gaussian, whatever that of the study. Training takes the batch's best variance, and the model keeps a
running mean of them.
"""

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from vaebench.errors import VaebenchError
from vaebench.model.flavour import flavour
from vaebench.model.likelihoods._scales import spread
from vaebench.study.ranges import Fraction, Positive


class CalibratedDecoder(nn.Module):
    r"""$z \mapsto \mathcal N(\mu(z), \sigma^2)$."""

    own_likelihood = "its likelihood is a Gaussian of its own, whatever the study's"
    log_sigma: Tensor

    def __init__(self, design) -> None:
        super().__init__()
        self.network = design.network.decoder(design.latent, design.image[0])
        self.register_buffer("log_sigma", torch.zeros(()))

    def forward(self, z: Tensor) -> Distribution:
        mean = self.network(z).sigmoid()
        return Independent(Normal(mean, self.log_sigma.exp().expand_as(mean), validate_args=False), 3, False)


@flavour(decoder=CalibratedDecoder)
def sigma_vae(vae, x, *, momentum: Fraction = 0.9, floor: Positive = 0.0025):
    r"""$\frac{1}{2\sigma^2}\|x - \mu(z)\|^2 + \frac D2\log 2\pi\sigma^2 + \mathrm{KL}(q(z|x) \| p(z))$

    with $\sigma^2$ the mean of $(x_i - \mu_i)^2$ over the pixels of a batch.
    """
    draw = vae(x)
    error = (draw.x - draw.px.mean).square().flatten(1)
    log_sigma = 0.5 * error.mean().clamp_min(floor**2).log()
    constant = error.shape[1] * (log_sigma + 0.5 * math.log(2 * math.pi))
    distortion = 0.5 * error.sum(1) * (-2 * log_sigma).exp() + constant
    running = momentum * vae.decoder.log_sigma + (1 - momentum) * log_sigma
    return {"distortion": distortion, "rate": draw.kl}, {"decoder.log_sigma": running}


@sigma_vae.begin
def start(vae, images: Tensor, *, floor: float) -> None:
    """The kept deviation starts at that of the training images; raises `VaebenchError` for others than in [0, 1]."""
    if not 0 <= images.min() <= images.max() <= 1:
        raise VaebenchError("flavour 'sigma_vae': decoded means lie in [0, 1], these data do not: leave it out")
    vae.decoder.log_sigma.copy_(spread(images).clamp_min(floor).log())
