r"""Does a fresh study agree with a reference: each mean over seeds against what the reference's seeds predict.

The interval of the mean of m new seeds is that of prediction, $\bar x \pm t_{n-1} s \sqrt{1/n + 1/m}$ for n seeds of
the reference with standard deviation s: Student's interval of its mean, times $\sqrt{1 + n/m}$ (Hahn and Meeker 1991,
Statistical Intervals, 4.8). Test images are taken as the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from vaebench.errors import VaebenchError
from vaebench.report.results import CONDITIONS, Results
from vaebench.report.statistics._page import metric
from vaebench.report.summary import FEWEST
from vaebench.report.tables.conditions import place
from vaebench.report.tables.entry import number
from vaebench.study import catalogue, views
from vaebench.study.config import Study
from vaebench.study.naming import readable
from vaebench.study.tidy import CELL

KEY = [*CELL, "part", "metric"]
COLUMNS = [*KEY, "n", "mean", "reference_n", "reference", "low", "high", "verdict", "reason"]
SAME = 1e-6  # relative difference of what is equal on another machine
OTHERS = {
    "data": "the data are others",
    "foreign": "the foreign data are others",
    "judge": "samples are not known to be judged by the same judge",
}
SHOWN = ("tier", "gallery_images")  # of an evaluation, what changes no number


def replicate(fresh: Results, reference: Results, level: float = 0.95) -> pd.DataFrame:
    """In rows with `COLUMNS`, one for each number of the fresh results: the ``verdict`` is "agree", "differ" or
    "not comparable" (``reason``), ``low`` and ``high`` end the reference's interval of prediction at a ``level``.

    A number that neither has agrees, one that one of them has differs. Numbers are not comparable where the cell, its
    data or how it is measured are others, or where a reference of fewer than three seeds has another value. Raises
    `VaebenchError` for results that cannot be read, or that have no cell in common.
    """
    ours = fresh.summary.merge(reference.summary, how="left", on=KEY, suffixes=("", "_of"), indicator="found")
    if not (ours["found"] == "both").any():
        raise VaebenchError(f"{fresh.folder} and {reference.folder} have no cell and metric in common: give another")
    protocols = _protocols(fresh), _protocols(reference)
    hindrances = [_hindrance(*(of(*row) for of in protocols)) for row in ours[KEY].itertuples(index=False, name=None)]
    rows = [
        (*(getattr(row, name) for name in [*KEY, "n", "mean"]), *_judge(row, hindrance, level))
        for row, hindrance in zip(ours.itertuples(), hindrances, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"reference_n": "Int64"})


def _judge(row: Any, hindrance: str, level: float) -> tuple:
    """Seeds and mean of the reference, ends of the interval, verdict and reason."""
    from scipy import special

    if row.found != "both":
        return pd.NA, np.nan, np.nan, np.nan, "not comparable", "the reference has no such cell or metric"
    n, mean, half = row.n_of, row.mean_of, row.high_of - row.mean_of
    if n >= FEWEST and row.n:
        half *= special.stdtrit(n - 1, (1 + level) / 2) / special.stdtrit(n - 1, 0.975) * (1 + n / row.n) ** 0.5
    else:
        half = np.nan
    facts = (int(n), mean, mean - half, mean + half)
    if hindrance:
        return *facts, "not comparable", hindrance
    if not n and not row.n:
        return *facts, "agree", "neither has a value"
    if not n or not row.n:
        lacking = "the reference" if not n else "the fresh study"
        return *facts, "differ", f"{lacking} has no value: {(row.reason if n else row.reason_of) or 'without a reason'}"
    same = row.mean == mean or abs(row.mean - mean) <= SAME * max(abs(mean), abs(row.mean))
    if same:
        return *facts, "agree", ""
    if np.isnan(half):
        few = f"the reference has fewer than {FEWEST} seeds" if n < FEWEST else "the reference has no interval"
        return *facts, "not comparable", few
    return *facts, "agree" if abs(row.mean - mean) <= half else "differ", ""


def _protocols(results: Results) -> Any:
    """What determines a number, by its place in a table; None of an unknown cell."""
    study = results.study
    cells = {tuple(getattr(cell, name) for name in CELL): cell for cell in study.cells()}
    data = {name: facts.get("prepared_sha256") for name, facts in results.provenance.get("datasets", {}).items()}
    conditions = results.conditions if results.content(CONDITIONS) else []  # results of before have none
    judges = {place(cell): cell["judge"]["sha256"] for cell in conditions if "judge" in cell}

    @cache
    def measured(where: tuple, part: str, view: str, judged: bool) -> dict[str, Any] | None:
        if where not in cells:
            return None
        cell = cells[where]
        facts = {name: value for name, value in cell.plain().items() if name not in CELL} | {"data": data[where[0]]}
        facts |= {"judge": judges.get(where)} if judged else {}
        facts |= {"foreign": data.get(part)} if view == "foreign" else {}
        return dict(_flat(facts | _measuring(study, view, part, msgspec.to_builtins(study.evaluation_of(cell)))))

    def protocol(*row: Any) -> dict[str, Any] | None:
        *where, part, name = row
        return measured(tuple(where), part, *_seen(name))

    return protocol


@cache
def _seen(name: str) -> tuple[str, bool]:
    """The view of a run that a metric is given, and whether a judge has a say."""
    if not (found := catalogue.metric_of(name)):
        return "", False
    view = views.of(catalogue.group_of("metrics", found))
    return view, view in views.OVER_SAMPLERS or "judge" in catalogue.declared("metrics", found).get("needs", ())


def _measuring(study: Study, view: str, part: str, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """How numbers of a view are measured."""
    facts: dict[str, Any] = {"evaluation": {name: v for name, v in evaluation.items() if name not in SHOWN}}
    if view in views.OVER_SAMPLERS:
        facts["sampler"] = msgspec.to_builtins(study.drawing().get(part))
    if view == "survey":
        facts["geometry"] = msgspec.to_builtins(study.geometry)
    return facts


def _flat(facts: Mapping[str, Any], start: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{start}{name}.")
        else:
            yield start + name, value


def _hindrance(ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None) -> str:
    """Why two numbers are not of the same kind; empty if they are."""
    if ours is None or theirs is None:
        return "the cell is not of the study in provenance.json"
    other = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    return "; ".join(OTHERS.get(name) or f"{name} is {ours.get(name)}, not {theirs.get(name)}" for name in other)


def told(rows: pd.DataFrame, level: float = 0.95) -> Iterator[str]:
    """What `replicate` gave, in lines: what differs, why some is not comparable, and counts."""
    for row in rows[rows["verdict"] == "differ"].itertuples():
        where = f"{readable(row.dataset)}, {readable(row.architecture)}, {readable(row.flavour)}, {row.latent} latents"
        seen = row.reason or f"{number(row.mean)}, predicted {number(row.reference, row.low, row.high, bracketed=True)}"
        yield f"differ: {where}: {metric(row.part, row.metric)}: {seen}"
    others = rows[rows["verdict"] == "not comparable"]
    for reason, found in sorted(others.groupby("reason"), key=lambda item: (-len(item[1]), item[0])):
        yield f"not comparable: {len(found)} values of {found[CELL].drop_duplicates().shape[0]} cells: {reason}"
    counts = rows["verdict"].value_counts()
    agree, differ, other = (int(counts.get(name, 0)) for name in ("agree", "differ", "not comparable"))
    tested = int((rows["low"].notna() & (rows["verdict"] != "not comparable")).sum())
    yield (
        f"agree {agree}, differ {differ}, not comparable {other}; of {tested} held against an interval of prediction "
        f"at {100 * level:g} %, {(1 - level) * tested:.0f} would differ by chance if no seed was the same"
    )
