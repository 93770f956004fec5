r"""Curvature of the latent space, exact up to rounding: use float64 latents and decoders.

The pull-back of an immersion is curved by the Gauss equation from the immersion's second derivatives; any other metric
by the intrinsic formula from its own (slower: for small latent sizes). Curvature needs two derivatives of the decoder:
with ReLU it is 0 wherever it exists. It does not depend on the coordinates of the latents, and scaling images by $c$
divides it by $c^2$: multiply by the mean of $\mathrm{tr}\,G / d$ to compare models. Latent dimensions that move next to
nothing dominate it: leave them out, ``Pullback(lambda y: phi(y @ basis.T))``. Where the metric is singular it is not a
number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.autograd import grad

from vaebench.geometry.budget import footprint, joined, parts
from vaebench.geometry.metrics import Immersion, MetricTensor, jacobian, spectrum


@torch.enable_grad()
def along(function: Immersion, z: Tensor, u: Tensor) -> Tensor:
    """Derivative at ``z`` along ``u`` (points, latent): the transpose of the reverse mode.

    It can be nested, unlike torch's forward mode, which lacks derivatives of those of SiLU and GELU; and it costs less.
    """
    slope, weight = _slope(function, z)
    return _pulled(slope, weight, u)


@torch.enable_grad()
def second(function: Immersion, z: Tensor, u: Tensor, v: Tensor) -> Tensor:
    r"""$D^2 f(z)[u, v_k]$ of a map of latents (points, latent) to (points, *rows): (vectors, points, *rows).

    ``u`` is (points, latent), ``v`` is (vectors, points, latent).
    """
    slope, weight = _slope(lambda z: along(function, z, u), z)
    return _pulled(slope, weight, v, is_grads_batched=True)


def _slope(function: Immersion, z: Tensor) -> tuple[Tensor, Tensor]:
    """$J^\top w$ at ``z`` and the $w = 0$ that it is linear in, of the shape of ``function``'s values."""
    z = z.view_as(z) if z.requires_grad else z.detach().requires_grad_()
    value = function(z)
    weight = torch.zeros_like(value, requires_grad=True)
    return _pulled(value, z, weight), weight


def _pulled(value: Tensor, by: Tensor, weight: Tensor, **options: bool) -> Tensor:
    """Derivative of the sum of ``weight * value``, of the shape of ``by``; 0 where ``value`` does not depend on it."""
    if not value.requires_grad:
        return torch.zeros_like(by).expand(*weight.shape[: weight.dim() - value.dim()], *by.shape)
    return grad(value, by, weight, create_graph=True, materialize_grads=True, **options)[0]


@torch.no_grad()
def scalar(metric: MetricTensor, z: Tensor) -> Tensor:
    r"""Scalar curvature, (..., latent) to (...): $d (d - 1) / r^2$ on a sphere, twice Gauss's for two latents."""
    return _each(metric, z, _scalar_extrinsic, _scalar_intrinsic)


@torch.no_grad()
def sectional(metric: MetricTensor, z: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Sectional curvature (...) of the planes of ``u`` and ``v``, all (..., latent); not a number if they span none."""
    return _each(metric, z, _sectional_extrinsic, _sectional_intrinsic, u, v)


def _each(metric: MetricTensor, z: Tensor, extrinsic: Callable, intrinsic: Callable, *vectors: Tensor) -> Tensor:
    """Points in parts that fit, by the formula that the metric admits.

    An immersion's second derivatives are taken along one vector after the other: one and all is as much as is held.
    """
    flat, *tangents = (value.expand_as(z).reshape(-1, z.shape[-1]) for value in (z, *vectors))
    immersion = metric.immersed(flat)
    formula, subject = (extrinsic, immersion) if immersion else (intrinsic, metric)
    most = (
        (lambda z: second(subject, z, z, z.expand(z.shape[-1], *z.shape))) if immersion else partial(_riemann, metric)
    )
    numbers = footprint(most, flat)
    some = zip(*(parts(value, numbers) for value in (flat, *tangents)), strict=True)
    return joined((formula(subject, *part) for part in some), len(flat)).reshape(z.shape[:-1])


def _frame(immersion: Immersion, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Orthonormal tangents (points, rows, latent), their preimages (points, latent, latent), and which are regular."""
    tangents, factor = torch.linalg.qr(jacobian(immersion, z))
    unit = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
    regular = (spectrum(factor) > 0).all(-1)
    return tangents, torch.linalg.solve_triangular(factor, unit, upper=True), regular


def _normal(tangents: Tensor, value: Tensor) -> Tensor:
    """The part of vectors (vectors, points, rows) that is orthogonal to the tangents: the second fundamental form."""
    return value - torch.einsum("prk,vpk->vpr", tangents, torch.einsum("prk,vpr->vpk", tangents, value))


def _scalar_extrinsic(immersion: Immersion, z: Tensor) -> Tensor:
    r"""$\|\sum_a \mathrm{II}_{aa}\|^2 - \sum_{ab} \|\mathrm{II}_{ab}\|^2$ in an orthonormal frame."""
    tangents, frame, regular = _frame(immersion, z)
    directions = frame.movedim(-1, 0)
    mean, squares = torch.zeros_like(tangents[..., 0]), torch.zeros_like(z[:, 0])
    for index, direction in enumerate(directions):
        form = _normal(tangents, second(immersion, z, direction, directions[index:]))
        mean = mean + form[0]
        norms = form.square().sum(-1)
        squares = squares + 2 * norms.sum(0) - norms[0]
    return torch.where(regular, mean.square().sum(-1) - squares, torch.nan)


def _sectional_extrinsic(immersion: Immersion, z: Tensor, u: Tensor, v: Tensor) -> Tensor:
    tangents, _, regular = _frame(immersion, z)
    pushed = torch.stack([along(immersion, z, vector) for vector in (u, v)])
    gram = torch.einsum("apr,bpr->pab", pushed, pushed)
    uu, uv = _normal(tangents, second(immersion, z, u, torch.stack((u, v))))
    vv = _normal(tangents, second(immersion, z, v, v[None]))[0]
    return torch.where(regular, ((uu * vv).sum(-1) - uv.square().sum(-1)) / _area(gram), torch.nan)


def _area(gram: Tensor) -> Tensor:
    """Squared areas of parallelograms from Gram matrices; not a number where rounding leaves none."""
    area, scale = gram[..., 0, 0] * gram[..., 1, 1] - gram[..., 0, 1] ** 2, gram[..., 0, 0] * gram[..., 1, 1]
    return torch.where(area > 4 * torch.finfo(gram.dtype).eps * scale, area, torch.nan)


def _riemann(metric: MetricTensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""$G$, its inverse and $R_{ijkl}$, of the sign with which $R_{1212} > 0$ on a sphere.

    $R_{iklm} = \frac12 (\partial_k \partial_l g_{im} + \partial_i \partial_m g_{kl} - \partial_k \partial_m g_{il}
    - \partial_i \partial_l g_{km}) + g^{np} (\Gamma_{n,kl} \Gamma_{p,im} - \Gamma_{n,km} \Gamma_{p,il})$, Landau &
    Lifshitz, The classical theory of fields, equation 92.1.
    """
    g = metric(z)
    inverse, failure = torch.linalg.inv_ex(g)
    singular = (failure > 0) | ~(spectrum(g) > 0).all(-1)
    inverse = torch.where(singular[:, None, None], torch.nan, inverse)
    units = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)[:, None].expand(-1, *z.shape)
    first = torch.stack([along(metric, z, unit) for unit in units])
    two = torch.stack([second(metric, z, unit, units) for unit in units])
    turns = torch.einsum("izjn->znij", first), torch.einsum("jzin->znij", first), torch.einsum("nzij->znij", first)
    symbols = 0.5 * (turns[0] + turns[1] - turns[2])
    bends = [torch.einsum(f"{axes}->ziklm", two) for axes in ("klzim", "imzkl", "kmzil", "ilzkm")]
    bent = 0.5 * (bends[0] + bends[1] - bends[2] - bends[3])
    twisted = torch.einsum("znkl,znp,zpim->ziklm", symbols, inverse, symbols)
    return g, inverse, bent + twisted - twisted.transpose(-1, -2)


def _scalar_intrinsic(metric: MetricTensor, z: Tensor) -> Tensor:
    _, inverse, riemann = _riemann(metric, z)
    return torch.einsum("zil,zkm,ziklm->z", inverse, inverse, riemann)


def _sectional_intrinsic(metric: MetricTensor, z: Tensor, u: Tensor, v: Tensor) -> Tensor:
    g, _, riemann = _riemann(metric, z)
    pair = torch.stack((u, v), -1)
    bent = torch.einsum("ziklm,zi,zk,zl,zm->z", riemann, u, v, u, v)
    return bent / _area(pair.mT @ g @ pair)
