"""Distortion, rate and bound on validation images by epoch, a row per family with all others grey behind: mean and
range over seeds, in nats.

What training minimises differs between flavours in kind and weight, so a term is drawn where it is what the metric of
that name is: where at the epoch whose weights are kept it is within a tenth (or half a nat) of the metric on test
images. The bound on the negative log-evidence is the sum of both, or the flavour's own, tighter one. The vertical range
leaves out the first tenth of each curve where that is higher.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vaebench.report.figures import style
from vaebench.report.figures.multiples import multiples
from vaebench.study.tidy import RUN

TERMS = {"distortion": "distortion (nats)", "rate": "rate (nats)", "bound": "bound (nats)"}
SHARE, NATS = 0.1, 0.5  # how far a term and its metric may be apart
OTHER = "what it trains is weighted, or another quantity"


@style.styled
def training_curves(history: pd.DataFrame, summary: pd.DataFrame, palette: style.Palette) -> Figure:
    """A column per term; ``history`` has each run's terms by epoch and which epoch is ``kept``."""
    curves, reasons = _comparable(history, summary)
    trained = set(history["flavour"])
    records = [(flavour, "", "no training history") for flavour in palette if flavour not in trained]
    shown = set(zip(curves["flavour"], curves["column"], strict=True))
    records += [
        (flavour, term, _why(flavour, term, reasons))
        for flavour in style.ordered(trained, palette)
        for term in TERMS
        if (flavour, term) not in shown
    ]
    if curves.empty:
        return style.nothing("no flavour has a training history", style.absences(records, palette))

    def adjust(axes: Axes) -> None:
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_locator(MaxNLocator(4))

    curves = curves.assign(facet="")
    return multiples(curves, palette, TERMS, xlabel="epoch", absent=records, adjust=adjust, limits=_limits)


def finding(history: pd.DataFrame, summary: pd.DataFrame, palette: style.Palette) -> str:
    """Where the bounds end, and whether they have stopped falling."""
    curves, _ = _comparable(history, summary)
    curves = curves[(curves["column"] == "bound") & curves["flavour"].isin(style.compared(palette))]
    ends = {
        flavour: (curve["y"].iloc[-1], curve["y"].iloc[-1 - len(curve) // 5] - curve["y"].iloc[-1])
        for flavour, curve in curves.groupby("flavour")
        if len(curve) >= 5
    }
    if not ends:
        return ""
    last = {flavour: end for flavour, (end, _) in ends.items()}
    best, worst = min(last, key=last.__getitem__), max(last, key=last.__getitem__)
    falling = sum(drop > NATS for _, drop in ends.values())
    return (
        f"At the last epoch the bound is {last[best]:.1f} nats ({palette[best].name}) to {last[worst]:.1f} "
        f"({palette[worst].name}); over the last fifth of the epochs it still fell by more than {NATS} nats for "
        f"{falling} of {len(ends)} flavours."
    )


def _comparable(history: pd.DataFrame, summary: pd.DataFrame) -> tuple[pd.DataFrame, dict[tuple[str, str], str]]:
    """Curves over seeds of terms that are what their metrics are, and why others are not drawn."""
    rows = history[(history["split"] == "validation") & np.isfinite(history["value"])]
    rows = rows.assign(kept=rows["kept"].fillna(rows.groupby(RUN)["epoch"].transform("max")))
    terms = rows.pivot_table(index=[*RUN, "kept", "epoch"], columns="term", values="value").reset_index()
    terms = terms.reindex(columns=[*RUN, "kept", "epoch", *TERMS])
    metrics = summary[summary["metric"].isin(TERMS) & (summary["part"] == "")]
    known = metrics.set_index(["flavour", "metric"])
    reasons: dict[tuple[str, str], str] = {}
    kept = terms[terms["epoch"] == terms["kept"]].groupby("flavour")[["distortion", "rate"]]
    for flavour, at in kept.mean().iterrows():
        for term in ("distortion", "rate"):
            if np.isnan(at[term]):
                continue
            mean, told = known.loc[(flavour, term), ["mean", "reason"]] if (flavour, term) in known.index else (0, "")
            if not abs(at[term] - mean) <= max(SHARE * abs(mean), NATS):
                reasons[flavour, term] = told or OTHER
                terms.loc[terms["flavour"] == flavour, term] = np.nan
    terms["bound"] = terms["bound"].fillna(terms["distortion"] + terms["rate"])
    curves = terms.melt([*RUN, "epoch"], [*TERMS], "column", "y").dropna(subset="y")
    points = curves.groupby(["flavour", "column", "epoch"])["y"].agg(y="mean", low="min", high="max").reset_index()
    return points.rename(columns={"epoch": "x"}), reasons


def _why(flavour: str, term: str, reasons: dict[tuple[str, str], str]) -> str:
    """Why a flavour has no curve of a term."""
    parts = ("distortion", "rate") if term == "bound" else (term,)
    told = dict.fromkeys(reasons[flavour, part] for part in parts if (flavour, part) in reasons)
    return "; ".join(told) or f"what it trains has no {term}"


def _limits(curves: pd.DataFrame) -> tuple[float, float]:
    """What nine tenths of each curve's epochs lie below, and the lowest points, but for curves far from the others."""
    each = curves.groupby("flavour")["y"]
    (low, _), (_, high) = style.window(each.min()), style.window(each.quantile(0.9))
    return low, high
