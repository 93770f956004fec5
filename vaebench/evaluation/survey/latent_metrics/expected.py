r"""Expected pull-back of images drawn by a mean and a standard deviation, which grows away from codes.

The precision of each pixel is a sum of Gaussian bumps at centres of the codes, fitted to the squared errors of
reconstructions after training, so that any decoder has one. Arvanitidis et al. 2018,
https://arxiv.org/abs/1710.11379, section 4.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.distributions import Independent, Normal

from vaebench.geometry import metrics

if TYPE_CHECKING:
    from vaebench.evaluation.survey.survey import Survey

STEPS = 20
FINEST = 0.1  # of the mean squared error: the least that the variance of a pixel is taken from


def expected(survey: Survey) -> metrics.MetricTensor:
    """Far from all codes the standard deviation is the range of the pixels of the training images."""
    balls, (codes, images) = survey.balls, survey.trained
    means = survey.decoder.means(codes).flatten(1)
    squares = (images.double() - means).square()
    least = 1 / (images.max() - images.min()).double().square()
    weights = precisions(balls.bumps(codes), squares + FINEST * squares.mean(), least)

    def px_of(y: Tensor) -> Independent:
        precision = balls.bumps(y) @ weights + least
        mean = survey.decoder(y).mean
        return Independent(Normal(mean.reshape(precision.shape), precision.rsqrt()), 1)

    return metrics.Pullback(metrics.immersion(px_of, "expected"))


def precisions(bumps: Tensor, squares: Tensor, least: Tensor) -> Tensor:
    r"""Weights $w \ge 0$ (bumps, pixels) of greatest likelihood of errors whose ``squares`` are (points, pixels).

    A precision is $\sum_k w_k b_k(y)$ and the ``least``, with ``bumps`` (points, bumps). Each step of expectation
    maximisation, in which a bump takes its share of every precision, raises the likelihood.
    """
    weights = (1 / squares.mean(0)).expand(bumps.shape[1], -1)
    cost = bumps.mT @ squares
    for _ in range(STEPS):
        weights = weights * (bumps.mT @ (1 / (bumps @ weights + least))) / cost
    return weights
