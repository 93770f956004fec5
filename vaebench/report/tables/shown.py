"""What a table shows of a study's numbers: intervals that say something, what is in bold, and what must be said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vaebench.evaluation.survey import METRICS
from vaebench.report import concordance, paired
from vaebench.report.differences import supported
from vaebench.report.summary import FEWEST
from vaebench.report.tables.columns import members, metric_of, named, quantity
from vaebench.report.tables.conditions import Conditions, Place, comparable, place
from vaebench.report.tables.entry import BELOW
from vaebench.study import catalogue
from vaebench.study.naming import CONTROLS, readable
from vaebench.study.tidy import BLOCK, CELL

KEY = [*CELL, "part", "metric"]
CONTROL = "mean"  # the flavour that learns the mean image alone, and no flavour should learn less
LEARNT = ("elbo", "nll", "mse")
KINDS = {
    "pixel": "distance of the two images",
    "latent": "the latent space's own",
    "mahalanobis": "by the covariance of the codes",
    "untrained": "length of the straight line's image before training",
    "ends": "of the two decoded images",
    "line": "length of the straight line's image",
    "geodesic": "length of the shortest curve",
    "shuffled": "latent distance of other images",
}


@dataclass(frozen=True)
class Results:
    """What the tables of a study are made of: summaries over seeds of metrics and of costs
    (`vaebench.report.summary.summarise`), `vaebench.report.differences.compare`, `vaebench.report.concordance.agree`.
    """

    families: Mapping[str, str]
    conditions: Sequence[Conditions]
    summary: pd.DataFrame
    compute: pd.DataFrame
    differences: pd.DataFrame
    agreement: pd.DataFrame | None = None


def shown(results: Results, table: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows of a table as `vaebench.report.tables.wide.wide` lays them out, and what its note says of the numbers."""
    if table == "differences":
        return _differences(results)
    if table == "agreement":
        return _agreement(results)
    rows = results.compute if table == "compute" else results.summary
    return _summary(results, rows[rows["metric"].map(metric_of).isin(members(table))])


def _summary(results: Results, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    quantities = rows["metric"].map(quantity)
    least, most = quantities.map(lambda what: what.least), quantities.map(lambda what: what.most)
    few = rows["low"].isna() & (rows["n"] > 1)
    cut = (rows["low"] < least) | (rows["high"] > most)
    ties = supported(results.differences)
    best = pd.MultiIndex.from_frame(ties[_near(ties, rows)][KEY])
    rows = rows.assign(
        low=rows["low"].clip(lower=least).mask(few, rows["lowest"]),
        high=rows["high"].clip(upper=most).mask(few, rows["highest"]),
        bracketed=few | cut,
        bold=pd.MultiIndex.from_frame(rows[KEY]).isin(best),
        below=no_better(results, rows),
        remark=rows["reason"] + _lacking(results, rows, rows["n"]),
    )
    said = []
    if (rows["n"] >= FEWEST).any():
        said.append("mean ± half-width of the 95 % Student interval over seeds")
    if few.any():
        said.append(f"of fewer than {FEWEST} seeds: mean [least, greatest value]")
    if cut.any():
        said.append("mean [low, high] where the interval ends at a bound of the quantity")
    errors = rows.groupby("metric", sort=False)["error"].max().dropna()
    if len(errors):
        each = [f"{named(name)} {error:.2g} {quantity(name).unit}".strip() for name, error in errors.items()]
        said.append(f"intervals are for these test images, over which standard errors are at most {', '.join(each)}")
    if quantities.map(lambda what: what.better is not None).any():
        over = "" if (rows["n"] >= FEWEST).any() else " over images alone, of these runs,"
        said.append(
            f"bold: the best of a block, and all whose mean lies in its interval and that the 95 % interval of the "
            f"paired difference{over} cannot tell from it, where these are no more than the others"
        )
    if rows["below"].any():
        said.append(f"{BELOW}: no better than the control that returns the mean image")
    return rows, said


def no_better(results: Results, rows: pd.DataFrame) -> pd.Series:
    """Whether a value is no better than that of the control that returns the mean image, where some are.

    Only what is `comparable` is compared. What is equal for all flavours of a block says nothing of one, nor does a
    control that is as good as the quantity can be, such as in diagnostics of a posterior that it does not have.
    """
    kind = {place(cell): comparable(cell) for cell in results.conditions}
    controls = {place(cell) for cell in results.conditions if cell["objective"]["name"] == CONTROL}
    cells = pd.Series([*rows[CELL].itertuples(index=False, name=None)], rows.index, dtype=object)
    sign = rows["metric"].map(lambda name: {"higher": 1, "lower": -1, None: np.nan}[quantity(name).better])
    held = rows[[*BLOCK, "part", "metric"]].assign(kind=cells.map(kind), score=(sign * rows["mean"]).astype(float))
    keys = [*BLOCK, "part", "metric", "kind"]
    least = held["score"].where(cells.isin(controls)).groupby([held[name] for name in keys]).transform("max")
    varied = held.groupby(keys)["score"].transform("nunique") > 1
    bound = rows["metric"].map(
        lambda name: quantity(name).most if quantity(name).better == "higher" else -quantity(name).least
    )
    return (held["score"] <= least) & (least < bound) & varied & (rows["flavour"].map(results.families) != CONTROLS)


def _lacking(results: Results, rows: pd.DataFrame, seeds: pd.Series) -> pd.Series:
    """What is said of rows that are of so many ``seeds``, where more of the cell's did not diverge."""
    whole = {place(cell): len(cell["seeds"]) - len(cell["diverged"]) for cell in results.conditions}
    of = [whole[cell] for cell in rows[CELL].itertuples(index=False, name=None)]
    said = [f"of {n} of {all} seeds" if 0 < n < all else "" for n, all in zip(seeds, of, strict=True)]
    return pd.Series(said, rows.index, dtype=object)


def _near(ties: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    """Whether the mean of a tied flavour lies in the interval over seeds of the best that it is tied with, if any.

    One that varies so much that nothing tells it from the best is not as good for that.
    """
    half = ((rows["high"] - rows["low"]) / 2).set_axis(pd.MultiIndex.from_frame(rows[KEY]))
    best = [ties["against" if name == "flavour" else name] for name in KEY]
    return ~(ties["mean"].abs().to_numpy() > half.reindex(pd.MultiIndex.from_arrays(best)).to_numpy())


def _differences(results: Results) -> tuple[pd.DataFrame, list[str]]:
    rows = results.differences
    sign = rows["metric"].map(lambda name: {"higher": 1, "lower": -1, None: 0}[quantity(name).better])
    rows = rows[(rows["role"] == "reference") & (sign != 0)]
    alone = (rows["n"] < FEWEST) & rows["low"].notna()
    all_alone = bool(alone[rows["low"].notna()].all())
    remark = rows["reason"].mask(alone & (not all_alone), f"interval over images alone, of fewer than {FEWEST} seeds")
    better = ((sign > 0) & (rows["low"] > 0)) | ((sign < 0) & (rows["high"] < 0))
    control = rows["flavour"].map(results.families) == CONTROLS
    rows = rows.assign(bracketed=True, bold=better & ~control, below=False, remark=remark)
    names = " or ".join(sorted({readable(label) for label in rows["against"]} - {""}))
    over = "images alone, of these runs" if all_alone else "images, Student's distribution over seeds"
    said = [
        f"flavour less {names} on the same seeds and test images, mean [95 % interval: bootstrap over {over}, "
        f"{paired.DRAWS} draws]",
        f"bold: better than {names}",
    ]
    return rows, said


def _agreement(results: Results) -> tuple[pd.DataFrame, list[str]]:
    assert results.agreement is not None
    rows = results.agreement[results.agreement["metric"].isin(members("agreement"))]
    unseen = {*concordance.DISTANCES} - {*concordance.SHOWN}
    rows = rows[~rows["metric"].isin(["reliability", "scale_free_variation"]) | ~rows["part"].isin(unseen)]
    known = rows["mean"].notna()
    remark = rows["reason"] + _lacking(results, rows, rows["seeds"]).where(known, "")
    rows = rows.assign(bracketed=True, bold=apart(rows, results.families), below=False, remark=remark)
    present = set(rows["part"])
    kinds = [f"{kind}: {what}" for kind, what in KINDS.items() if kind in present]
    kinds += [
        f"{name}: geodesic's, by the {caption[0].lower()}{caption[1:].rstrip('.')}"
        for name in METRICS
        if name in present
        for caption in [catalogue.caption("latent_metrics", name)]
    ]
    return rows, [
        f"the same pairs for all flavours and seeds; {', '.join(kinds)}; line - ends: what the line adds; seeds "
        "without distances, such as collapsed ones, and then pairs without one for some seed are left out",
        "reliability: share of the pairs in the variance of the logarithm of a distance over pairs and seeds, ICC(2,1)",
        "scale-free variation: mean over pairs of the coefficient of variation over seeds, of distances divided by "
        "their mean for the seed",
        "value [95 % interval over seeds and pairs of images by the jackknife of both; of two seeds over pairs alone]",
        "corrected p: of the one-sided paired t test that the scale-free coefficients of variation are smaller (Syrota "
        "et al. 2025), after Holm over the flavours of a block",
        "bold: the best of a block, and all whose interval meets its interval",
    ]


def apart(rows: pd.DataFrame, families: Mapping[str, str]) -> pd.Series:
    """Whether a row is the best of its block and column, or one whose interval meets the best's, controls aside.

    There is none where all intervals of a column meet it.
    """
    sign = rows["metric"].map(lambda name: {"higher": 1, "lower": -1, None: np.nan}[quantity(name).better])
    ends = pd.DataFrame({"score": sign * rows["mean"], "one": sign * rows["low"], "other": sign * rows["high"]})
    ends = ends.mask(rows["flavour"].map(families) == CONTROLS).dropna()
    columns = [rows[name] for name in (*BLOCK, "part", "metric")]
    bold = pd.Series(False, rows.index)
    for _, group in ends.groupby([column[ends.index] for column in columns]):
        far = group[["one", "other"]].max(axis=1)
        near = group[["one", "other"]].min(axis=1)[group["score"].idxmax()]
        bold[group.index] = (far >= near) & (far < near).any()
    return bold


def below(results: Results) -> dict[Place, str]:
    """What is said of flavours that learn less than the control that returns the mean image."""
    means = {
        (*cell, name): mean
        for *cell, name, mean in results.summary[[*CELL, "metric", "mean"]].itertuples(index=False, name=None)
        if name in LEARNT
    }
    controls = {_where(cell): place(cell) for cell in results.conditions if cell["objective"]["name"] == CONTROL}
    found: defaultdict[Place, list[str]] = defaultdict(list)
    for cell in results.conditions:
        if _where(cell) in controls and results.families[cell["flavour"]] != CONTROLS:
            for name in LEARNT:
                sign = 1 if quantity(name).better == "higher" else -1
                ours, control = (means.get((*where, name), np.nan) for where in (place(cell), controls[_where(cell)]))
                if sign * ours < sign * control:
                    found[place(cell)].append(named(name))
    return {where: f"{', '.join(names)} worse than the mean image's" for where, names in found.items()}


def _where(cell: Conditions) -> Place:
    return *(cell[name] for name in BLOCK), comparable(cell)
