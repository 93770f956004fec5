r"""How far the aggregate posterior $q(z) = \frac1N \sum_n q(z|x_n)$ is from the product of its marginals."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaebench import random
from vaebench.model.distributions.gaussian import Gaussian


def log_weights(count: int, n_data: int, estimator: str, like: Tensor) -> Tensor:
    r"""Log weight of $q(z_i|x_j)$ in the estimate of $q(z_i)$, (count, count), for a batch out of ``n_data`` images.

    Chen et al. 2018, appendix C. Minibatch-weighted sampling (``mws``) gives all $1/(NB)$; they sum to $1/N$, so log
    densities come out too low by up to $\log N$, mostly a constant. Minibatch-stratified sampling (``mss``) gives the
    image that a latent came from $1/N$ and shares the rest evenly among the others: unbiased for $q(z)$, and exact when
    the batch is the dataset. (The paper sets one of the others apart with a weight of its own; ours is the mean over
    which one that is, so of the same expectation and a smaller variance.)
    """
    if estimator == "mws":
        return torch.full((count, count), -math.log(n_data * count), dtype=like.dtype, device=like.device)
    same = torch.eye(count, dtype=like.dtype, device=like.device)
    return (same / n_data + (1 - same) * (1 - 1 / n_data) / max(count - 1, 1)).log()


def aggregate(q: Gaussian, z: Tensor, n_data: int, estimator: str) -> tuple[Tensor, Tensor]:
    r"""$\log q(z)$ and $\log \prod_d q(z_d)$ in nats at each latent of a batch, (batch,) both; see `log_weights`."""
    weights = log_weights(len(z), n_data, estimator, z)
    scaled = (z[:, None] - q.mean) * (-q.log_std).exp()
    each = -0.5 * scaled.square() - (q.log_std + 0.5 * math.log(2 * math.pi))  # log q(z_id|x_j), (i, j, d)
    joint = (each.sum(-1) + weights).logsumexp(1)
    return joint, (each + weights[..., None]).logsumexp(1).sum(-1)


def permuted(z: Tensor) -> Tensor:
    r"""Draws of $\prod_d q(z_d)$: each coordinate of a batch (batch, latent) in a random order of its own."""
    return z.gather(0, random.uniform(z.shape, z).argsort(0))
