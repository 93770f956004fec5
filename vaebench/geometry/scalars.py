r"""Numbers that describe a metric at latents, from the singular values $s$ (..., latent) of `metrics.MetricTensor`.

Condition number, effective rank and flatness do not depend on the scale of images; in `standardising` coordinates
neither they nor differences of the magnification depend on the scale of latents. Dimensions that hardly any code uses
are stretched there, so name the active ones. A metric is singular where a direction moves nothing, as in a collapsed
decoder: what has no value there is not a number, and `reason` counts such points.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def log_magnification(s: Tensor) -> Tensor:
    r"""Logarithm of the magnification factor $\sqrt{\det G} = \prod_i s_i$, (...).

    Chen et al. 2018, https://arxiv.org/abs/1711.01204.
    """
    return _regular(s, s.log().sum(-1))


def log_condition(s: Tensor) -> Tensor:
    r"""Condition number $\log_{10} (s_1 / s_d)$ of $A$, (...): 0 is isotropic."""
    return _regular(s, (s.amax(-1) / s.amin(-1)).log10())


def effective_rank(s: Tensor) -> Tensor:
    r"""$\exp H(s^2 / \sum_i s_i^2)$, from 1 to the latent size, (...); of $s$ in Roy & Vetterli 2007, EUSIPCO."""
    shares = s.square() / s.square().sum(-1, keepdim=True)
    return torch.special.entr(shares).sum(-1).exp()


def flatness(s: Tensor) -> Tensor:
    r"""$\mathbb E \|G / c^2 - 1\|_F^2 / d$ with $c^2 = \mathbb E\,\mathrm{tr}\,G / d$, over all points: 0 is isometric.

    The regulariser of Chen et al. 2020, https://arxiv.org/abs/2002.04881, made free of scale.
    """
    return (s.square() / s.square().mean() - 1).square().mean()


def standardising(latents: Tensor, active: Any = slice(None)) -> Tensor:
    r"""A root $B$ of the covariance $B B^\top$ of latents (points, latent): coordinates in which it is the unit matrix.

    ``latents`` are codes, or draws of the aggregate posterior. ``active`` (indices or a mask) keeps some dimensions;
    the result is (latent, active), for `metrics.MetricTensor.singular_values`.
    """
    kept = (latents[:, active] - latents[:, active].mean(0)).double()
    variances, axes = torch.linalg.eigh(kept.mT @ kept / (len(kept) - 1))
    floor = torch.finfo(variances.dtype).eps * len(variances) * variances[-1]
    basis = torch.zeros(latents.shape[-1], len(variances), dtype=latents.dtype, device=latents.device)
    basis[active] = (axes * torch.where(variances > floor, variances, 0).sqrt()).to(basis.dtype)
    return basis


def reason(s: Tensor) -> str:
    """Why values are missing: how many points are singular or not finite; empty if none is."""
    lost, singular, points = int((~s.isfinite().all(-1)).sum()), int((s == 0).any(-1).sum()), s[..., 0].numel()
    parts = [(singular, "singular"), (lost, "not finite")]
    told = " and ".join(f"{what} at {count} of {points} points" for count, what in parts if count)
    return f"the metric is {told}" if told else ""


def _regular(s: Tensor, values: Tensor) -> Tensor:
    return torch.where((s > 0).all(-1), values, torch.nan)
