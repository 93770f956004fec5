"""Numbers as people read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MISSING = "—"


@dataclass(frozen=True)
class Entry:
    """One number as people read it, whether it is the best of its block, and why it is missing if it is."""

    text: str = MISSING
    best: bool = False
    reason: str = ""

    def __str__(self) -> str:
        return self.text


def number(mean: float, half: float) -> str:
    """Two significant digits of the half-width set the decimals of both; four of the mean if there is no width."""
    if not np.isfinite(mean):
        return str(mean).replace("inf", "∞")
    uncertain = np.isfinite(half) and half > 1e-6 * abs(mean)  # less is rounding
    if not uncertain and mean == round(mean):
        return f"{mean:.0f}"
    size, digits = (half, 2) if uncertain else (abs(mean), 4)
    decimals = max(0, digits - 1 - int(np.floor(np.log10(size)))) if size else 0
    if decimals > 6 and abs(mean) >= 1e-3:
        decimals = 6
    if decimals > 6:
        return f"{mean:.3g}" + (f" ± {half:.2g}" if uncertain else "")
    return f"{mean:.{decimals}f}" + (f" ± {half:.{decimals}f}" if uncertain else "")
