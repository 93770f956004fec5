"""Gaussians refined for each image. Cremer, Li & Duvenaud 2018, https://arxiv.org/abs/1801.03558, section 3."""

from __future__ import annotations

import torch
from torch import Tensor

from vaebench import random
from vaebench.evaluation.evidence.enumeration import DECODED
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.vae import VAE, Draw

SAMPLES, STEPS, LEARNING_RATE = 8, 200, 0.05
DRAWS = 500  # behind an ELBO


def refined(model: VAE, x: Tensor, q: Gaussian, key: Tensor) -> Gaussian:
    r"""The Gaussian of each image that Adam finds from ``q`` (images, latent) on, to maximise the ELBO.

    It goes by units of the deviations of ``q``, and its noise is that of the key. The gradient is that of the path
    alone, which has no noise where $q(z|x) = p(z|x)$ (Roeder et al. 2017, https://arxiv.org/abs/1703.09194).
    """
    q = q.detach()
    shift, log_scale = (torch.zeros_like(q.mean, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.Adam([shift, log_scale], LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)

    def better() -> Gaussian:
        return Gaussian(q.mean + q.stddev * shift, q.log_std + log_scale)

    for step in range(STEPS):
        with torch.enable_grad(), random.stream(random.fold(key, step)):
            law = better()
            z = law.rsample(torch.Size((SAMPLES,)))
            bound = (model.log_joint(x, z) - law.detach().log_prob(z)).mean(0).sum()
            shift.grad, log_scale.grad = torch.autograd.grad(-bound, (shift, log_scale))
        optimiser.step()
        schedule.step()
    return better().detach()


def elbo(model: VAE, x: Tensor, q: Gaussian) -> Tensor:
    """Of Gaussians q (images, latent), by `DRAWS` of each, nats, float64 (images,)."""
    assert model.prior is not None
    p, total = model.prior(model.encoder), x.new_zeros(len(x), dtype=torch.float64)
    rows = max(1, DECODED // len(x))
    for start in range(0, DRAWS, rows):
        z = q.rsample(torch.Size((min(rows, DRAWS - start),)))
        total += Draw(x, z, q, p, model.decoder).log_w.double().sum(0)
    return total / DRAWS
