r"""Poincare VAE. Mathieu et al. 2019, https://arxiv.org/abs/1901.06033, equation 9.

Densities are with respect to the ball's Riemannian volume. The defaults are those of Pythae's MNIST script: isotropic
wrapped normals and a decoder whose first layer measures distances to gyroplanes; ``logarithm`` decodes the coordinates
in the tangent space at the centre instead. Standard deviations and the encoder's mean are in lengths of geodesics, so
as the curvature tends to 0 the flavour becomes a VAE with an isotropic posterior.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaebench.errors import VaebenchError
from vaebench.model.distributions.hyperbolic import Riemannian, Wrapped
from vaebench.model.flavour import flavour
from vaebench.model.parts.decoders import NetworkDecoder
from vaebench.model.spaces.poincare import Ball, Gyroplanes
from vaebench.study.ranges import Positive

NORMALS = {"wrapped": Wrapped, "riemannian": Riemannian}


class BallEncoder(nn.Module):
    r"""$x \mapsto$ a normal around $\exp_0 \mu(x)$ of one standard deviation $\sigma(x)$."""

    def __init__(self, design, *, curvature, posterior_normal) -> None:
        super().__init__()
        self.ball, self.normal = Ball(curvature), NORMALS[posterior_normal]
        self.network = design.network.encoder(design.latent + 1)

    def forward(self, x):
        features = self.network(x)
        mean = self.ball.inside(self.ball.from_centre(features[..., :-1]))
        return self.normal(self.ball, mean, (F.softplus(features[..., -1:]) + 1e-5).log())


class BallPrior(nn.Module):
    """A normal around the centre of the ball."""

    zero: Tensor
    log_std: Tensor

    def __init__(self, design, *, curvature, prior_normal, prior_std) -> None:
        super().__init__()
        self.ball, self.normal = Ball(curvature), NORMALS[prior_normal]
        self.register_buffer("zero", torch.zeros(design.latent))
        self.register_buffer("log_std", torch.full((1,), prior_std).log())
        if self(None).length + 2 * prior_std > self.ball.reach(torch.float32):
            raise VaebenchError(
                "poincare_vae: the prior lies beyond what float32 resolves: set prior_std or curvature lower"
            )

    def forward(self, encoder):
        return self.normal(self.ball, self.zero, self.log_std)


class BallDecoder(NetworkDecoder):
    """The network, its first layer put on the ball or after the logarithm at the centre."""

    def __init__(self, design, *, curvature, decoding) -> None:
        super().__init__(design)
        self.ball, self.decoding = Ball(curvature), decoding
        for network in getattr(self.network, "members", [self.network]) if decoding == "gyroplanes" else []:
            if not isinstance(network, nn.Sequential) or not isinstance(network[0], nn.Linear):
                raise VaebenchError(
                    "poincare_vae: this network has no first layer to put on the ball: set decoding=logarithm"
                )
            network[0] = Gyroplanes(self.ball, network[0])

    def forward(self, z):
        return super().forward(self.ball.log(torch.zeros_like(z), z) if self.decoding == "logarithm" else z)


@flavour(encoder=BallEncoder, prior=BallPrior, decoder=BallDecoder)
def poincare_vae(
    vae,
    x,
    *,
    curvature: Positive = 0.7,
    posterior_normal: Literal["wrapped", "riemannian"] = "wrapped",
    prior_normal: Literal["wrapped", "riemannian"] = "wrapped",
    prior_std: Positive = 1.0,
    decoding: Literal["gyroplanes", "logarithm"] = "gyroplanes",
):
    r"""$-\mathbb E_q[\log p(x|z)] + \mathbb E_q[\log q(z|x) - \log p(z)]$"""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}
