"""A metric is a function of a trained run; its file's stem is its name, its folder the table that shows it.

It is given a `vaebench.evaluation.subject.Subject`; in a folder whose ``SUBJECT`` is "survey", a part of a
`vaebench.evaluation.survey.Survey`, and `over` names the parts. A mean over test images is returned as the values of
all images, and its standard error and the values themselves are then kept beside it:

>>> @metric(unit="nats", better="lower", needs=("posterior", "prior"))
... def rate(subject):
...     return subject.kl.double()
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from vaebench.errors import Missing


class Estimate(NamedTuple):
    """A value; of a mean over test images also its standard ``error`` (None for a single image) and ``each`` image's
    value, float64 (images,), not a number for an image that was not looked at."""

    value: float
    error: float | None = None
    each: Tensor | None = None

    @classmethod
    def of(cls, values: float | Tensor | Estimate) -> Estimate:
        """A number as it is, or the mean of all images' values (images,), whose error is that of independent images."""
        if isinstance(values, Estimate):
            return values
        if not isinstance(values, Tensor):
            return cls(values)
        each = values.double()
        return cls(float(each.mean()), float(each.std() / len(each) ** 0.5) if len(each) > 1 else None, each)

    @property
    def fault(self) -> str:
        """Why it is no value; empty if it is one."""
        if math.isfinite(self.value):
            return ""
        if self.each is None:
            return f"the value is {self.value}"
        return f"it is not finite for {int((~self.each.isfinite()).sum())} of {len(self.each)} images"


Values = float | Tensor | Estimate | Mapping[str, float | Tensor | Estimate]


class Row(NamedTuple):
    """A number by its name, with the rest of its `Estimate`; a value of None is explained by the ``reason``."""

    name: str
    value: float | None
    error: float | None = None
    each: Tensor | None = None
    reason: str = ""


@dataclass(frozen=True)
class Metric:
    """``measure`` gives an `Estimate`, a number or images' values (images,) to be averaged, or such by suffix.

    ``needs`` names what a flavour must have (keys of `vaebench.model.abilities.REASONS`).
    """

    name: str
    measure: Callable[[Any], Values]
    unit: str
    better: str | None
    needs: tuple[str, ...]
    over: tuple[str, ...]

    def rows(self, subject: Any) -> Iterator[Row]:
        """A row for each number; it has no value where the metric does not apply or is not finite."""
        for need in self.needs:
            if reason := subject.lacks(need):
                yield Row(self.name, None, reason=reason)
                return
        try:
            values = self.measure(subject)
        except Missing as error:
            yield Row(self.name, None, reason=str(error))
            return
        for suffix, value in values.items() if isinstance(values, Mapping) else (("", values),):
            name, estimate = f"{self.name}_{suffix}" if suffix else self.name, Estimate.of(value)
            yield Row(name, None, reason=estimate.fault) if estimate.fault else Row(name, *estimate)


def metric(
    *,
    unit: str,
    better: str | None,
    least: float | None = None,
    most: float | None = None,
    needs: tuple[str, ...] = (),
    over: tuple[str, ...] = ("",),
    shown: bool = True,
    called: str = "",
    best: str = "",
    worst: str = "",
    tier: str = "default",
) -> Callable[[Callable[[Any], Values]], Metric]:
    """Make a function a metric; ``better`` is ``higher``, ``lower`` or None, ``over`` are the parts of its subject.

    Intervals end at the ``least`` and the ``most`` that a value can be, one that is not ``shown`` is in the tidy tables
    alone, and it is ``called`` so where its name's words are not enough: tables read these, ``unit`` and ``better``
    from the source, where they must be literals. ``best`` and ``worst`` say which controls have to score so, as tests
    see to. Its ``tier`` is "thorough" if a measurement takes minutes: it is taken where the settings ask for that. A
    function that raises `vaebench.errors.Missing` has no value, for the reason that the message gives.
    """
    return lambda function: Metric(function.__name__, function, unit, better, needs, over)
