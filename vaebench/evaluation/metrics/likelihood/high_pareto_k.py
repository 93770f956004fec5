"""How often the importance weights behind the NLL have too heavy a tail.

Pareto k-hat of Vehtari et al. 2024, Journal of Machine Learning Research 25 (72), https://arxiv.org/abs/1507.02646: the
shape of the generalised Pareto distribution that fits the largest weights of an image, by Zhang & Stephens 2009,
https://doi.org/10.1198/tech.2009.08017, drawn towards 1/2 as if by ten more weights.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaebench.errors import Missing
from vaebench.evaluation.metric import metric
from vaebench.evaluation.subject import of_weights

FEWEST = 5  # weights of a tail
SMALLEST = -600.0  # log of an excess over the largest one


@metric(unit="%", better="lower", least=0, most=100, needs=("posterior", "draws", "prior", "likelihood"))
def high_pareto_k(subject) -> float:
    r"""Images whose k-hat is above $\min(1 - 1/\log_{10} K, 0.7)$: too high for $K$ weights to tell their mean by."""
    log_w = subject.log_w
    samples = len(log_w)
    if tail(samples) < FEWEST:
        raise Missing(f"the tail of the importance weights takes {5 * FEWEST - 4} samples, and there are {samples}")
    if not log_w.isfinite().all():
        raise Missing("its importance weights are not finite")
    return 100 * float((pareto_k(log_w) > min(1 - 1 / math.log10(samples), 0.7)).double().mean())


def tail(samples: int) -> int:
    """How many of the largest weights are its tail."""
    return math.ceil(min(0.2 * samples, 3 * samples**0.5))


def pareto_k(log_w: Tensor) -> Tensor:
    """k-hat of log weights (samples, images), float64 (images,): as many moments as 1 / k-hat are finite.

    Minus infinity where fewer than `FEWEST` weights exceed the rest, as where all are the same.
    """
    size = tail(len(log_w))
    return of_weights(log_w, lambda some: _pareto_k(some, size), size * points(size))


def _pareto_k(log_w: Tensor, size: int) -> Tensor:
    ordered = log_w.sort(0).values
    below, largest = ordered[-size - 1], ordered[-size:]
    counts = (largest > below).sum(0)
    k = torch.full_like(below, -torch.inf)
    for count in counts.unique().tolist():
        if count >= FEWEST:
            of = counts == count
            top = largest[-count:, of]
            log_excess = top + torch.log(-torch.expm1(below[of] - top))
            fit = shape((log_excess - log_excess[-1]).clamp_min(SMALLEST).exp().T)
            k[of] = (count * fit + 5) / (count + 10)
    return k


def points(count: int) -> int:
    r"""At how many $\theta$ the likelihood of so many excesses is computed."""
    return 30 + int(count**0.5)


def shape(excess: Tensor) -> Tensor:
    r"""$k$ of the generalised Pareto density $(1 + k x / \sigma)^{-1/k - 1} / \sigma$, (images,).

    Of ``excess`` (images, count), ascending, for the mean of $\theta = -k / \sigma$ under the profile likelihood and
    Zhang & Stephens' prior.
    """
    count = excess.shape[-1]
    number = points(count)
    steps = 1 - (number / (torch.arange(1, number + 1).to(excess) - 0.5)).sqrt()
    theta = 1 / excess[:, -1:] + steps / (3 * excess[:, int(count / 4 + 0.5) - 1, None])
    k = torch.log1p(-theta[..., None] * excess[:, None]).mean(-1)
    weight = (count * ((-theta / k).log() - k - 1)).softmax(-1)
    mean = (weight * theta).sum(-1, keepdim=True)
    return torch.log1p(-mean * excess).mean(-1)
