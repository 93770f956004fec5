"""Ranges of hyperparameters: annotations that a flavour writes beside its defaults.

``def beta_vae(vae, x, *, beta: NonNegative = 4.0)`` declares a hyperparameter, its default and its range at once.
This module imports nothing heavy, so `vaebench.study.catalogue` reads the ranges without importing a flavour.
"""

import sys
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Interval:
    """Finite numbers of one kind between two ends; ``open`` excludes the ends."""

    kind: type
    low: float = float("-inf")
    high: float = float("inf")
    open: bool = False

    def settle(self, value: Any) -> Any:
        """``value`` in its one form (an integer given for a float becomes a float); ValueError if outside."""
        if isinstance(value, bool) or not isinstance(value, (int, float) if self.kind is float else int):
            raise ValueError
        if not (self.low < value < self.high if self.open else self.low <= value <= self.high):
            raise ValueError
        if abs(value) > sys.float_info.max:
            raise ValueError
        return self.kind(value)

    def __str__(self) -> str:
        below = "<" if self.open else "<="
        low = f"{self.low:g} {below} " if self.low > float("-inf") else ""
        high = f" {below} {self.high:g}" if self.high < float("inf") else ""
        return f"{low}{self.kind.__name__}{high}"


@dataclass(frozen=True)
class OneOf:
    """A value out of a few."""

    options: tuple[Any, ...]

    def settle(self, value: Any) -> Any:
        """``value``; ValueError if it is none of the options."""
        if not any(value is option or (isinstance(option, str) and value == option) for option in self.options):
            raise ValueError
        return value

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.options))}"


@dataclass(frozen=True)
class Sizes:
    """A sequence of positive integers, such as the widths of layers, at least ``fewest`` of them."""

    fewest: int = 0

    def settle(self, value: Any) -> tuple[int, ...]:
        """``value`` as a tuple; ValueError if it is none."""
        if not isinstance(value, list | tuple) or len(value) < self.fewest:
            raise ValueError
        return tuple(Interval(int, 1).settle(size) for size in value)

    def __str__(self) -> str:
        return f"a list of {f'at least {self.fewest} ' if self.fewest else ''}integers >= 1"


Range = Interval | OneOf | Sizes

Real = Annotated[float, Interval(float)]
NonNegative = Annotated[float, Interval(float, 0)]
Positive = Annotated[float, Interval(float, 0, open=True)]
Fraction = Annotated[float, Interval(float, 0, 1)]
Count = Annotated[int, Interval(int, 1)]
Whole = Annotated[int, Interval(int, 0)]
Flag = Annotated[bool, OneOf((True, False))]
Widths = Annotated[tuple[int, ...], Sizes()]
Channels = Annotated[tuple[int, ...], Sizes(1)]
Activation = Annotated[str, OneOf(("silu", "gelu", "tanh", "softplus", "relu"))]
