"""A model whose evidence is known: linear decoder, Gaussian pixels, standard normal prior (probabilistic PCA).

Tipping & Bishop 1999, https://doi.org/10.1111/1467-9868.00196: p(x) = N(b, W W' + sigma^2), and the posterior is
Gaussian with precision (W' W + sigma^2) / sigma^2, diagonal where the columns of W are orthogonal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from vaebench.flavours.gaussian.vae import vae
from vaebench.model.flavour import Flavour
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE
from vaebench.study import catalogue

SHAPE = (1, 4, 4)
PIXELS, LATENT, SIGMA = 16, 2, 0.3


def design(likelihood: str, **settings: float) -> Design:
    family = catalogue.load("likelihoods", likelihood)
    return Design(SHAPE, LATENT, mlp(SHAPE, hidden=()), lambda: family(**settings))


def linear(orthogonal: bool, flavour: Flavour = vae, **hyper: Any) -> tuple[VAE, Tensor, np.ndarray]:
    """A linear-Gaussian model of a flavour, 400 data from it, and each datum's exact log evidence in nats.

    The encoder's Gaussian is the exact posterior if the columns of W are orthogonal, else a diagonal one that is too
    wide. The flavour keeps the default encoder (or one with the same ``encoder.network``) and the default decoder.
    """
    generator = np.random.default_rng(0)
    weight, offset = generator.normal(size=(PIXELS, LATENT)), generator.normal(size=PIXELS)
    if orthogonal:
        weight = np.linalg.qr(weight)[0] * np.array([1.5, 0.7])
    x = generator.normal(size=(400, LATENT)) @ weight.T + offset + SIGMA * generator.normal(size=(400, PIXELS))
    covariance = weight @ weight.T + SIGMA**2 * np.eye(PIXELS)
    precision = weight.T @ weight + SIGMA**2 * np.eye(LATENT)
    gain = np.linalg.solve(precision, weight.T)
    model = flavour.initial(design("gaussian", sigma=SIGMA), flavour.defaults | hyper, 0)
    encoder, decoder = model.encoder.network[-1], model.decoder.network[0]
    with torch.no_grad():
        decoder.weight.copy_(torch.tensor(weight))
        decoder.bias.copy_(torch.tensor(offset))
        encoder.weight.zero_()
        encoder.weight[:LATENT] = torch.tensor(gain)
        encoder.bias[:LATENT] = torch.tensor(-gain @ offset)
        encoder.bias[LATENT : 2 * LATENT] = torch.tensor(0.5 * np.log(SIGMA**2 / np.diag(precision)))
        if not orthogonal:
            encoder.bias[LATENT : 2 * LATENT] += 0.4
    return model, torch.tensor(x).reshape(-1, *SHAPE), multivariate_normal(offset, covariance).logpdf(x)
