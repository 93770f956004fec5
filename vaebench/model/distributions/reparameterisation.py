r"""Rejection sampling with a fixed number of proposals, and the gradient of what it draws.

Every draw takes the first accepted of `PROPOSALS`, all made at once, so a program has no loop that depends on data. As
each is accepted with probability 0.65 or more, a draw finds none in fewer than one of a million cases.
A draw $x$ of a scalar law with density $q(x; a)$ moves with the parameter such that its quantile stays:
$\partial x/\partial a = -q(x; a)^{-1}\,\partial_a \int_{-\infty}^x q(s; a)\,ds$ (Figurnov et al. 2018,
https://arxiv.org/abs/1805.08498).
That is a property of the law alone, hence of use to any loss, where the correction term that rejection samplers take
otherwise (Naesseth et al. 2017, https://arxiv.org/abs/1610.05683) needs to know the loss.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

NODES, PROPOSALS = 64, 14
Law = Callable[[Tensor], tuple[Tensor, Tensor]]


@functools.cache
def quadrature(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Nodes and weights of Gauss & Legendre on [0, 1], (`NODES`,) each."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    as_tensor = functools.partial(torch.tensor, dtype=dtype, device=device)
    return as_tensor((nodes + 1) / 2), as_tensor(weights / 2)


def first(proposals: Tensor, accepted: Tensor) -> Tensor:
    """Along the last axis, the first accepted proposal, or the very first where none is accepted."""
    rank = torch.arange(accepted.shape[-1], 0, -1, device=accepted.device)
    return proposals.gather(-1, (accepted * rank).argmax(-1, keepdim=True)).squeeze(-1)


def attach(x: Tensor, parameter: Tensor, law: Law, low: Tensor, high: Tensor) -> Tensor:
    r"""The draws ``x``, unchanged, with the gradient by ``parameter`` that keeps their quantiles.

    ``law`` maps points (..., nodes) to the unnormalised log density there, and its derivative by the parameter.
    ``parameter``, ``low`` and ``high`` (all but no mass lies between the latter) broadcast with ``x``, shape (...).
    """
    if not torch.is_grad_enabled():
        return x
    nodes, weights = quadrature(x.dtype, x.device)
    place, x, low, high = parameter.detach(), x.detach(), low.detach(), high.detach()
    grid = low[..., None] + (high - low)[..., None] * nodes
    log_density, slope = law(grid)
    share = (log_density + weights.log()).softmax(-1)
    mean_slope = (share * slope).sum(-1, keepdim=True)
    end = torch.where(x > (share * grid).sum(-1), high, low)  # the integral from the nearer end loses no digits
    grid = x[..., None] + (end - x)[..., None] * nodes
    log_density, slope = law(grid)
    ratio = (log_density - law(x[..., None])[0]).exp()
    speed = (end - x) * (ratio * (slope - mean_slope) * weights).sum(-1)
    return x + speed.detach() * (parameter - place)
