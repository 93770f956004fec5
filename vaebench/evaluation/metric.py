"""A metric is a function of a trained run; its file's stem is its name, its folder the table that shows it.

It is given a `vaebench.evaluation.subject.Subject`; in a folder whose ``SUBJECT`` is "survey", a part of a
`vaebench.evaluation.survey.Survey`, and `over` names the parts.

>>> @metric(unit="nats", better="lower", needs=("posterior", "prior"))
... def rate(subject):
...     return float(subject.kl.mean())
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from vaebench.errors import Missing

Values = float | dict[str, float]

REASONS = {
    "posterior": "its encoder is deterministic and has no posterior density",
    "draws": "its posterior is a single code, so that importance sampling adds nothing to the ELBO",
    "prior": "it has no prior",
    "likelihood": "its decoder has no likelihood of the study's family",
    "gaussian": "its posterior or prior is not a diagonal Gaussian",
}


@dataclass(frozen=True)
class Metric:
    """``measure`` gives a number, or one per suffix; ``needs`` names what a flavour must have (keys of `REASONS`)."""

    name: str
    measure: Callable[[Any], Values]
    unit: str
    better: str | None
    needs: tuple[str, ...]
    over: tuple[str, ...]

    def rows(self, subject: Any) -> Iterator[tuple[str, float | None, str]]:
        """Name, value and reason of each number; a value is None where the metric does not apply or is not finite."""
        for need in self.needs:
            if not subject.has(need):
                yield self.name, None, REASONS[need]
                return
        try:
            values = self.measure(subject)
        except Missing as error:
            yield self.name, None, str(error)
            return
        for suffix, value in values.items() if isinstance(values, dict) else (("", values),):
            name = f"{self.name}_{suffix}" if suffix else self.name
            yield (name, value, "") if math.isfinite(value) else (name, None, f"the value is {value}")


def metric(
    *, unit: str, better: str | None, needs: tuple[str, ...] = (), over: tuple[str, ...] = ("",), shown: bool = True
) -> Callable[[Callable[[Any], Values]], Metric]:
    """Make a function a metric; ``better`` is ``higher``, ``lower`` or None, ``over`` are the parts of its subject.

    One that is not ``shown`` is in the tidy tables alone. A function that raises `vaebench.errors.Missing` has no
    value, for the reason that the message gives. Tables read ``unit``, ``better`` and ``shown`` from the source, where
    they must be literals.
    """
    return lambda function: Metric(function.__name__, function, unit, better, needs, over)
