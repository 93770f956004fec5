"""Numbers as people read them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

MISSING = "—"
BELOW = "†"


@dataclass(frozen=True)
class Entry:
    """One number as people read it, whether it is in bold, what must be said of it (why it is missing, if it is),
    whether it is no better than the control's, and the ``value`` that it is sorted by.
    """

    text: str = MISSING
    bold: bool = False
    remark: str = ""
    below: bool = False
    value: float = field(default=np.nan, compare=False)

    def __str__(self) -> str:
        return self.text


def number(
    mean: float, low: float = np.nan, high: float = np.nan, *, bracketed: bool = False, signed: bool = False
) -> str:
    """A mean with the ends of its interval: "mean ± half-width", or ``bracketed`` "mean [low, high]".

    Two significant digits of the half-width set the decimals of all; four of the mean if there is no width.
    """
    if not np.isfinite(mean):
        return str(mean).replace("inf", "∞")
    half = (high - low) / 2
    uncertain = np.isfinite(half) and half > 1e-6 * abs(mean)  # less is rounding
    sign = "+" if signed and (mean or uncertain) else ""
    if not uncertain and mean == round(mean):
        return f"{mean:{sign}.0f}"
    size, digits = (half, 2) if uncertain else (abs(mean), 4)
    decimals = max(0, digits - 1 - int(np.floor(np.log10(size)))) if size else 0
    if decimals > 6 and abs(mean) >= 1e-3:
        decimals = 6
    form, width = (".3g", ".2g") if decimals > 6 else (f".{decimals}f", f".{decimals}f")
    if not uncertain:
        return f"{mean:{sign}{form}}"
    if bracketed:
        return f"{mean:{sign}{form}} [{low:{sign}{form}}, {high:{sign}{form}}]"
    return f"{mean:{sign}{form}} ± {half:{width}}"
