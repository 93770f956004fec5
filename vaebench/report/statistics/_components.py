"""Components of variance of factors that are crossed, or nested in each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce

import numpy as np

Array = np.ndarray


def components(
    values: Array, factors: Mapping[str, Array], effects: Iterable[str], weights: Array | None = None
) -> dict[str, float]:
    """Variances of random ``effects`` and of the rest, by name, of values (n,); NaN where data do not tell.

    ``factors`` are the numbers (n,) of each value's class; an effect is of one or of several ("flavour:pair"), smaller
    ones come first, and what two values can have in common must be one of them, or nothing, or all. Two values that
    share a flavour and nothing else, say, differ by squares whose expectation is twice the variance of all effects but
    the flavour's; the mean of these squares over all such couples estimates it, and differences between kinds of
    couples are the components (the method of symmetric sums): unbiased whatever is missing, and of complete data the
    estimates of the analysis of variance. A couple counts as often as the product of its ``weights`` (n,) says, once
    without any. Estimates below 0 are set to 0.
    """
    weights = np.ones(len(values)) if weights is None else weights
    values = values - (weights * values).sum() / max(weights.sum(), 1)
    sets = {"": frozenset[str](), **{effect: frozenset(effect.split(":")) for effect in effects}}
    exact: dict[str, Array] = {}
    for effect in reversed(sets):  # couples that share this and no more
        within = [other for other in exact if sets[effect] < sets[other]]
        exact[effect] = _couples(values, weights, _classes(factors, sets[effect], len(values)))
        exact[effect] -= sum(exact[other] for other in within)
    half = {effect: squares / (2 * n) if count else np.nan for effect, (squares, n, count) in exact.items()}
    found: dict[str, float] = {}
    for effect in [*sets][1:]:
        found[effect] = half[""] - half[effect] - sum(found[other] for other in found if sets[other] < sets[effect])
    found["rest"] = half[""] - sum(found.values())
    return {name: float(np.maximum(value, 0)) for name, value in found.items()}


def _classes(factors: Mapping[str, Array], chosen: frozenset[str], n: int) -> Array:
    """The number of each value's class of several factors, (n,)."""
    codes = (factors[name] for name in sorted(chosen))
    joined = reduce(lambda one, other: one * (other.max(initial=0) + 1) + other, codes, np.zeros(n, np.int64))
    return np.unique(joined, return_inverse=True)[1]


def _couples(values: Array, weights: Array, groups: Array) -> Array:
    """Of all couples of values in one of some groups: the sum of the squared differences and their number, both
    weighted, and the number itself, which is exact."""
    of = (weights, weights**2, weights * values, weights * values**2, None)
    n, alone, sums, squares, counts = (np.bincount(groups, counted) for counted in of)
    return np.array([(n * squares - sums**2).sum(), (n**2 - alone).sum() / 2, (counts * (counts - 1) / 2).sum()])
