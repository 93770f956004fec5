"""A metric is a function of an evaluated run; the file stem of `vaebench.metrics` is its name in every table.

Those of `vaebench.metrics.geometry` are functions of a part of a `vaebench.survey.Survey`, and `over` names the parts.

>>> @metric(unit="nats", better="lower", table="likelihood", needs=("posterior", "prior"))
... def rate(evaluation):
...     return float(evaluation.kl.mean())
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .errors import VaebenchError

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
    table: str
    needs: tuple[str, ...]
    over: tuple[str, ...]
    doc: str

    def rows(self, subject: Any) -> Iterator[tuple[str, float | None, str]]:
        """Name, value and reason of each number; a value is None where the metric does not apply or is not finite."""
        for need in self.needs:
            if not subject.has(need):
                yield self.name, None, REASONS[need]
                return
        try:
            values = self.measure(subject)
        except VaebenchError as error:
            yield self.name, None, str(error)
            return
        for suffix, value in values.items() if isinstance(values, dict) else (("", values),):
            name = f"{self.name}_{suffix}" if suffix else self.name
            yield (name, value, "") if math.isfinite(value) else (name, None, f"the value is {value}")


def metric(
    *, unit: str, better: str | None, table: str, needs: tuple[str, ...] = (), over: tuple[str, ...] = ("",)
) -> Callable[[Callable[[Any], Values]], Metric]:
    """Make a function a metric; ``better`` is ``higher``, ``lower`` or None, ``table`` is where it is shown.

    A function that raises `VaebenchError` has no value, for the reason that the message gives.
    """
    return lambda function: Metric(
        function.__name__, function, unit, better, table, needs, over, inspect.getdoc(function) or ""
    )
