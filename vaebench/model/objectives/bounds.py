r"""Bounds on $\log p(x)$ from several latents per image, and the gradient that their encoder follows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vaebench.model.vae import VAE, Images


def negative_elbo(vae: VAE, x: Images) -> dict[str, Tensor]:
    r"""$-\mathbb E_q[\log p(x|z)]$ and $\mathrm{KL}(q(z|x) \| p(z))$, nats, (batch,) each."""
    draw = vae(x)
    return {"distortion": -draw.log_px, "rate": draw.kl}


def importance_weighted(log_w: Tensor) -> Tensor:
    r"""$\log \frac1K \sum_k w_k$ in nats: log weights (..., samples, batch) to (..., batch).

    Burda et al. 2016, https://arxiv.org/abs/1509.00519, equation 8.
    """
    return log_w.logsumexp(-2) - math.log(log_w.shape[-2])


def log_weights(vae: VAE, x: Images, *samples: int, gradient: str, beta: float = 0.0) -> Tensor:
    r"""$\log w_k = \log p(x, z_k) - \log q(z_k|x)$ in nats, (*samples, batch), for a Gaussian encoder.

    The gradient is that of the values; or, "doubly_reparameterised", one for the encoder that has the same expectation
    in the bound $\beta \frac1K \sum_k \log w_k + (1 - \beta) \log \frac1K \sum_k w_k$ over the last sample axis, and
    less noise:
    $\sum_k \left(\frac\beta K + (1 - \beta) \tilde w_k^2\right) \frac{\partial \log w_k}{\partial z_k}
    \frac{\partial z_k}{\partial \phi}$ with $\tilde w_k = w_k / \sum_j w_j$ (Tucker et al. 2019,
    https://arxiv.org/abs/1810.04152). It takes a second pass of the decoder. Other parts keep their gradient.
    """
    draw = vae(x, *samples)
    if gradient == "standard":
        return draw.log_w
    with torch.no_grad():
        share = draw.log_w.softmax(-2)
        even = beta / samples[-1]
        # What the bound passes back to log w_k, and what of it the latent is to pass on.
        passed = (even + (1 - beta) * share).clamp_min(torch.finfo(share.dtype).tiny)
        kept = (even + (1 - beta) * share.square()) / passed
    still = draw.z.detach()
    z = still + kept[..., None] * (draw.z - still)
    return vae.log_joint(draw.x, z) - draw.q.detach().log_prob(z)
