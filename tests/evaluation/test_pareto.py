"""Pareto k-hat, of tails whose shape is known and against maximum likelihood."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import genpareto

from vaebench.errors import Missing
from vaebench.evaluation.metrics.likelihood.high_pareto_k import high_pareto_k, pareto_k, shape, tail
from vaebench.geometry import budget


@pytest.mark.parametrize("k", [-0.3, 0.1, 0.5, 0.7, 1.0, 2.0])
def test_the_shape_of_pareto_excesses(k: float) -> None:
    excess = np.sort(genpareto.rvs(k, size=(10, 1000), random_state=np.random.default_rng(0)))
    found = shape(torch.tensor(excess)).numpy()
    assert found.mean() == pytest.approx(k, abs=0.04)
    likeliest = [genpareto.fit(row, floc=0)[0] for row in excess]
    np.testing.assert_allclose(found, likeliest, rtol=0, atol=0.02)
    np.testing.assert_allclose(shape(torch.tensor(1e-200 * excess)), found, rtol=1e-9)  # free of scale


def test_the_shape_is_zhang_and_stephens_estimate() -> None:
    """Of 17 values, one step after the other."""
    x = np.sort(genpareto.rvs(0.8, size=17, random_state=np.random.default_rng(3)))
    quartile, m = x[int(17 / 4 + 0.5) - 1], 30 + int(math.sqrt(17))
    thetas = [1 / x[-1] + (1 - math.sqrt(m / (j - 0.5))) / (3 * quartile) for j in range(1, m + 1)]
    k = [-np.mean(np.log(1 - theta * x)) for theta in thetas]
    likelihood = [17 * (math.log(theta / each) + each - 1) for theta, each in zip(thetas, k, strict=True)]
    weights = np.exp(np.array(likelihood) - max(likelihood))
    theta = np.dot(weights, thetas) / weights.sum()
    assert float(shape(torch.tensor(x)[None])) == pytest.approx(np.mean(np.log(1 - theta * x)), rel=1e-10)


def test_the_shape_of_a_tail() -> None:
    """x^-1 of a uniform x has k = 1; a normal logarithm of small spread none to speak of."""
    uniform = np.random.default_rng(0).uniform(size=(50_000, 20))
    for power in (0.4, 1.0, 1.6):
        k = pareto_k(torch.tensor(-power * np.log(uniform)))
        assert float(k.mean()) == pytest.approx((power * tail(50_000) + 5) / (tail(50_000) + 10), abs=0.04)
    assert (pareto_k(torch.tensor(0.01 * np.random.default_rng(1).normal(size=(5000, 20)))) < 0.4).all()


def test_weights_on_which_it_is_all_or_nothing() -> None:
    same = torch.zeros(500, dtype=torch.float64)
    ties = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64).repeat(125)  # of few latents: none exceeds the rest
    giant = torch.linspace(-3000, 0, 500, dtype=torch.float64)
    k = pareto_k(torch.stack((same, ties, giant), 1))
    assert k[:2].tolist() == [-math.inf, -math.inf] and k[2] > 10
    subject = SimpleNamespace(log_w=torch.stack((same, ties, giant, same), 1))
    assert high_pareto_k.measure(subject) == 25


def test_images_are_fitted_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many go at a time."""
    log_w = torch.randn(200, 30, generator=torch.Generator().manual_seed(0))
    whole = pareto_k(log_w)
    monkeypatch.setattr(budget, "NUMBERS", 1)
    torch.testing.assert_close(pareto_k(log_w), whole, rtol=1e-12, atol=0)
    assert whole.dtype == torch.float64


def test_too_few_weights_and_such_as_are_not_finite() -> None:
    with pytest.raises(Missing, match="takes 21 samples, and there are 20"):
        high_pareto_k.measure(SimpleNamespace(log_w=torch.randn(20, 3)))
    assert high_pareto_k.measure(SimpleNamespace(log_w=torch.zeros(21, 3))) == 0
    with pytest.raises(Missing, match="not finite"):
        high_pareto_k.measure(SimpleNamespace(log_w=torch.full((30, 2), torch.nan)))
