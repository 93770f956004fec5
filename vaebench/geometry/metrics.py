r"""Metrics of the latent space that a decoder pulls back: $G(z) = A(z)^\top A(z)$ with rows $A$ (..., rows, latent).

Everything works on $A$ and its singular values, because forming $G$ halves the digits. Jacobians are taken in forward
mode, all latent directions as one batched pass, in chunks that keep memory bounded. Precision is that of the latents
and the decoder: ``decoder.double()`` and ``z.double()`` for curvature or nearly singular metrics.

>>> phi = immersion(vae.decoder, "fisher_rao")  # also for geodesics
>>> singular_values = metric(vae.decoder, "fisher_rao").singular_values(z)
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from functools import singledispatch
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributions import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    Distribution,
    Independent,
    Normal,
    OneHotCategorical,
)
from torch.func import jvp, vmap

from vaebench.errors import Missing, VaebenchError
from vaebench.geometry.budget import footprint, joined, parts

Immersion = Callable[[Tensor], Tensor]
Kind = Literal["euclidean", "fisher_rao", "expected"]

with warnings.catch_warnings():  # torch scripts derivative formulas at the first forward-mode pass, and says so
    warnings.simplefilter("ignore", FutureWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    jvp(torch.sin, (torch.zeros(()),), (torch.ones(()),))


def jacobian(function: Immersion, z: Tensor) -> Tensor:
    """Of a map of latents (points, latent) to (points, rows), each point on its own: (points, rows, latent)."""
    directions = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device)
    return vmap(lambda direction: jvp(function, (z,), (direction.expand_as(z),))[1], out_dims=-1)(directions)


def spectrum(rows: Tensor) -> Tensor:
    """Singular values (..., latent) of rows (..., rows, latent), in descending order, float64.

    Values that rounding cannot tell from zero are zero; those of a matrix that is not finite are not numbers.
    """
    finite = rows.isfinite().all(-1).all(-1)[..., None, None]
    values = torch.linalg.svdvals(torch.where(finite, rows, 0).double())
    floor = torch.finfo(rows.dtype).eps * math.sqrt(rows.shape[-2]) * values[..., :1]
    return torch.where(finite[..., 0], torch.where(values > floor, values, 0), torch.nan)


class MetricTensor:
    """Rows $A(z)$ of a metric $G = A^T A$; a subclass gives them for latents (points, latent)."""

    def rows(self, z: Tensor) -> Tensor:
        raise NotImplementedError

    def immersed(self, z: Tensor) -> Immersion | None:
        """An immersion whose pull-back this metric is around ``z``, if there is one."""
        return None

    def jacobian(self, z: Tensor) -> Tensor:
        """$A(z)$: (..., latent) to (..., rows, latent)."""
        rows = joined((rows for _, rows in self._parts(z.reshape(-1, z.shape[-1]))), z.shape[:-1].numel())
        return rows.reshape(*z.shape[:-1], *rows.shape[-2:])

    def __call__(self, z: Tensor) -> Tensor:
        """$G(z)$: (..., latent) to (..., latent, latent)."""
        rows = self.jacobian(z)
        return rows.mT @ rows

    @torch.no_grad()
    def singular_values(self, z: Tensor, basis: Tensor | None = None) -> Tensor:
        r"""Of $A(z) B$: (..., latent) to (..., directions), float64, descending; what `scalars` are made of.

        ``basis`` $B$ (latent, directions), or one for each point, states the coordinates: columns of the unit matrix
        for some latent dimensions alone, `scalars.standardising` for whitened ones, a tangent basis on a manifold.
        """
        flat = z.reshape(-1, z.shape[-1])
        basis = torch.eye(z.shape[-1], dtype=z.dtype, device=z.device) if basis is None else basis
        bases = basis.expand(*z.shape[:-1], *basis.shape[-2:]).reshape(-1, *basis.shape[-2:])
        values = joined((spectrum(rows @ bases[place]) for place, rows in self._parts(flat)), len(flat))
        return values.reshape(*z.shape[:-1], values.shape[-1])

    def _parts(self, z: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Rows of parts of ``z`` that fit, and where these are."""
        start = 0
        for part in parts(z, footprint(self.rows, z)):
            yield slice(start, start + len(part)), self.rows(part)
            start += len(part)


class Pullback(MetricTensor):
    """The Euclidean metric of an immersion's ambient space."""

    def __init__(self, immersion: Immersion) -> None:
        self.immersion = immersion

    def rows(self, z: Tensor) -> Tensor:
        return jacobian(self.immersion, z)

    def immersed(self, z: Tensor) -> Immersion:
        return self.immersion


class Information(MetricTensor):
    r"""Fisher-Rao metric of a decoder's distributions: $J^\top I(\theta(z)) J$ with the Fisher information $I$.

    Arvanitidis et al. 2022, https://arxiv.org/abs/2106.05367: $2\,\mathrm{KL}(p(x|z) \| p(x|z + dz)) = dz^\top G dz$.
    """

    def __init__(self, px_of: Callable[[Tensor], Any]) -> None:
        self.px_of = px_of

    def rows(self, z: Tensor) -> Tensor:
        weights = information(self.px_of, z)[1]
        rows = jacobian(lambda z: information(self.px_of, z)[0], z)
        return rows if weights is None else weights[..., None] * rows

    def immersed(self, z: Tensor) -> Immersion | None:
        if information(self.px_of, z[:1])[1] is not None:
            return None
        return lambda z: information(self.px_of, z)[0]


class Explicit(MetricTensor):
    """A metric known as a function: latents (..., latent) to $G$ (..., latent, latent); $A$ is a Cholesky factor."""

    def __init__(self, tensor: Callable[[Tensor], Tensor]) -> None:
        self.tensor = tensor

    def __call__(self, z: Tensor) -> Tensor:
        return self.tensor(z)

    def rows(self, z: Tensor) -> Tensor:
        factor, failure = torch.linalg.cholesky_ex(self.tensor(z), upper=True)
        return torch.where((failure > 0)[..., None, None], torch.nan, factor)


class Conformal(MetricTensor):
    r"""$e^{2 s(z)} G(z)$, of a metric $G$ and a ``log_scale`` $s$, latents (..., latent) to (...)."""

    def __init__(self, metric: MetricTensor, log_scale: Callable[[Tensor], Tensor]) -> None:
        self.metric, self.log_scale = metric, log_scale

    def rows(self, z: Tensor) -> Tensor:
        return self.log_scale(z).exp()[..., None, None] * self.metric.rows(z)


class Average(MetricTensor):
    """Mean of metrics, such as those of an ensemble of decoders."""

    def __init__(self, *metrics: MetricTensor) -> None:
        self.metrics = metrics

    def rows(self, z: Tensor) -> Tensor:
        return torch.cat([metric.rows(z) for metric in self.metrics], -2) / math.sqrt(len(self.metrics))

    def immersed(self, z: Tensor) -> Immersion | None:
        members = [immersion for metric in self.metrics if (immersion := metric.immersed(z))]
        return ensemble(*members) if len(members) == len(self.metrics) else None


def ensemble(*immersions: Immersion) -> Immersion:
    """An immersion whose metric is the mean of the members': their points side by side, scaled."""
    return lambda z: torch.cat([immersion(z) for immersion in immersions], -1) / math.sqrt(len(immersions))


def metric(px_of: Callable[[Tensor], Any], kind: Kind = "euclidean") -> MetricTensor:
    """The metric of a decoder, latents to a distribution: as `immersion`, and Fisher-Rao for more families."""
    return Information(px_of) if kind == "fisher_rao" else Pullback(immersion(px_of, kind))


def immersion(px_of: Callable[[Tensor], Any], kind: Kind = "euclidean") -> Immersion:
    r"""A decoder, latents to a distribution, as a map (..., latent) to (..., ambient) whose pull-back is the metric.

    ``euclidean`` is the flattened mean image, or what a decoder gives that returns a tensor. ``fisher_rao`` is an
    isometry of the family's Fisher-Rao metric into Euclidean space: $2 \arctan e^{\ell / 2}$ of Bernoulli logits,
    $2 \sqrt p$ of categorical pixels, $\mu / \sigma$ of Gaussian ones if the model's $\sigma$ is the same at every
    latent; other families have none here, and `metric` has some of them. ``expected`` is the mean beside the standard
    deviation, the expected metric of a Gaussian decoder's samples (Arvanitidis et al. 2018,
    https://arxiv.org/abs/1710.11379).
    """
    if kind not in ("euclidean", "fisher_rao", "expected"):
        raise VaebenchError(f"latent geometry: there is no metric {kind!r}: take euclidean, fisher_rao or expected")

    def immerse(z: Tensor) -> Tensor:
        if kind == "fisher_rao":
            point, weights = information(px_of, z)
            if weights is not None:
                raise VaebenchError(
                    "latent geometry: these images' Fisher-Rao metric has no immersion here: take `metrics.metric`"
                )
            return point
        px = px_of(z)
        if kind == "expected":
            if not isinstance(_pixels(px), Normal):
                raise VaebenchError("latent geometry: the expected metric is of Gaussian images: take kind='euclidean'")
            return torch.cat((_flat(px.mean, z), _flat(px.stddev, z)), -1)
        return _flat(px if isinstance(px, Tensor) else px.mean, z)

    return immerse


def information(px_of: Callable[[Tensor], Any], z: Tensor) -> tuple[Tensor, Tensor | None]:
    r"""Parameters $\theta(z)$ (..., rows) and $w$ (..., rows) with Fisher information $\mathrm{diag}(w^2)$.

    Without $w$ the information is the unit matrix, and $\theta$ is an immersion.
    """
    pixels = _pixels(px_of(z))
    if isinstance(pixels, Normal) and getattr(getattr(px_of, "likelihood", None), "one_scale", False):
        return _flat(pixels.mean / pixels.scale, z), None
    parameters, weights = fisher(pixels)
    return _flat(parameters, z), None if weights is None else _flat(weights, z)


@singledispatch
def fisher(pixels: Any) -> tuple[Tensor, Tensor | None]:
    """Parameters of independent pixels, and roots of their Fisher information if it is not 1."""
    if hasattr(pixels, "log_masses"):  # of each of a pixel's levels: a categorical distribution under another name
        return 2 * (0.5 * pixels.log_masses).exp(), None
    raise Missing(
        f"latent geometry: there is no Fisher-Rao metric for {type(pixels).__name__} images: take kind='euclidean'"
    )


@fisher.register
def _(pixels: Bernoulli) -> tuple[Tensor, None]:
    # Beyond the largest logit whose exponential is finite the angle is pi to the last digit.
    logits = pixels.logits.clamp(max=math.log(torch.finfo(pixels.logits.dtype).max) - 1)
    return 2 * (0.5 * logits).exp().atan(), None


@fisher.register(Categorical)
@fisher.register(OneHotCategorical)
def _(pixels: Any) -> tuple[Tensor, None]:
    return 2 * (0.5 * pixels.logits).exp(), None


@fisher.register
def _(pixels: Normal) -> tuple[Tensor, Tensor]:
    weights = 1 / pixels.scale, torch.full_like(pixels.scale, math.sqrt(2))
    return torch.stack((pixels.loc, pixels.scale.log()), -1), torch.stack(weights, -1)


# Bernoulli numbers B_2, B_4, ..., B_20.
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
# Of the variance below, in powers of the squared logit.
SERIES = [number * (2 * n - 1) / math.factorial(2 * n) for n, number in enumerate(BERNOULLI, 1)]


@fisher.register
def _(pixels: ContinuousBernoulli) -> tuple[Tensor, Tensor]:
    r"""The information in the logit is the variance $1 / \ell^2 - 1 / (4 \sinh^2(\ell / 2))$."""
    near = pixels.logits.abs() < 1
    small, size = torch.where(near, pixels.logits, 0).square(), torch.where(near, 1, pixels.logits.abs())
    far = size**-2 - (-size).exp() / torch.expm1(-size).square()
    series = sum((value * small**power for power, value in enumerate(SERIES)), torch.zeros_like(small))
    return pixels.logits, torch.where(near, series, far).sqrt()


def _pixels(px: Distribution) -> Distribution:
    return px.base_dist if isinstance(px, Independent) else px


def _flat(value: Tensor, z: Tensor) -> Tensor:
    """``value`` with the batch axes of ``z`` and one more."""
    return value.reshape(*z.shape[:-1], -1)
