"""Which flavours of a block are held against which, and what their paired differences are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from vaebench.files import reading
from vaebench.report.paired import Difference, Found, over_images, over_seeds
from vaebench.report.summary import MEND
from vaebench.report.tables.columns import quantity
from vaebench.report.tables.conditions import comparable, place, plain
from vaebench.study.naming import CONTROLS, readable
from vaebench.study.tidy import BLOCK, CELL

COLUMNS = [*CELL, "part", "metric", "role", "against", *Found._fields]

Cells = Mapping[str, tuple[Path, Mapping[str, Any]]]  # of a block by flavour: its values by image, and its conditions


class Pair(NamedTuple):
    """A number of a flavour, and the flavour ``against`` which it is held in a ``role``."""

    flavour: str
    part: str
    metric: str
    role: str
    against: str


def compare(
    metrics: pd.DataFrame,
    files: Iterable[str | Path],
    conditions: Iterable[Mapping[str, Any]],
    families: Mapping[str, str],
) -> pd.DataFrame:
    """Mean differences (a flavour less the one ``against`` which it is held), in rows with `COLUMNS`.

    ``metrics`` are tidy values of runs, ``files`` the values by image of each cell and ``conditions`` its own, in one
    order, ``families`` those of the flavours. In the ``role`` of "reference" stands a block's `plain` VAE, for all
    means over test images; in that of "best" the best mean of a metric with a better direction, controls aside. Only
    what is `comparable` is compared. Raises `VaebenchError` for a file that cannot be read.
    """
    places = {place(cell): (Path(path), cell) for path, cell in zip(files, conditions, strict=True)}
    rows = []
    for (dataset, architecture, latent), values in metrics.groupby(BLOCK):
        names = sorted(values["flavour"].unique())
        cells = {flavour: places[dataset, architecture, flavour, latent] for flavour in names}
        found = dict(_of_block(values, cells, families))
        rows += [(dataset, architecture, pair[0], latent, *pair[1:], *found[pair]) for pair in sorted(found)]
    return pd.DataFrame(rows, columns=COLUMNS)


def supported(differences: pd.DataFrame) -> pd.DataFrame:
    """The rows of `compare` whose flavour is the best of its block and column, as far as the intervals tell.

    It has the best mean, or its difference to that may be zero. Where most flavours of a column are not told from the
    best, none is: bold for nearly all would say nothing.
    """
    rows = differences[differences["role"] == "best"]
    told = (rows["low"] > 0) | (rows["high"] < 0)
    tied = (rows["low"] <= 0) & (rows["high"] >= 0)
    columns = [rows[name] for name in (*BLOCK, "part", "metric", "against")]
    return rows[tied & (told.groupby(columns).transform("sum") >= tied.groupby(columns).transform("sum"))]


def _of_block(values: pd.DataFrame, cells: Cells, families: Mapping[str, str]) -> Iterator[tuple[Pair, Found]]:
    """What is found of each pair of a block."""
    kept = {key.partition("/")[0] for path, _ in cells.values() for key in _keys(path)}
    sampled: dict[Pair, Difference] = {}
    for (part, metric), rows in values.groupby(["part", "metric"]):
        runs, lacking = _by_flavour(rows)
        images = {flavour: _images(cells[flavour][0], metric) for flavour in runs} if metric in kept else {}
        pairs = [("best", *pair) for pair in _with_best(runs, metric, cells, families)]
        if images:
            pairs += [("reference", *pair) for pair in _with_reference(cells)]
        for role, flavour, against in pairs:
            pair = Pair(flavour, part, metric, role, against)
            ours, theirs = runs.get(flavour, {}), runs.get(against, {})
            seeds = sorted(ours.keys() & theirs)
            if reason := _hindrance(flavour, against, cells, lacking):
                yield pair, Found(reason=reason)
            elif not seeds:
                yield pair, Found(reason=f"no seed has a value of both it and {readable(against)}")
            elif images:
                each = [images[flavour][seed].astype(float) - images[against][seed] for seed in seeds]
                by_seed = np.array([ours[seed] - theirs[seed] for seed in seeds])
                sampled[pair] = Difference(by_seed, np.mean(each, axis=0))
            else:
                yield pair, over_seeds(np.array([ours[seed] - theirs[seed] for seed in seeds]))
    if sampled:
        yield from zip(sampled, over_images(list(sampled.values())), strict=True)


def _by_flavour(rows: pd.DataFrame) -> tuple[dict[str, dict[int, float]], dict[str, str]]:
    """Of one number: values by seed of flavours that have some, and why the others have none."""
    runs: defaultdict[str, dict[int, float]] = defaultdict(dict)
    reasons: defaultdict[str, set[str]] = defaultdict(set)
    for flavour, seed, value, reason in rows[["flavour", "seed", "value", "reason"]].itertuples(index=False, name=None):
        if np.isfinite(value):
            runs[flavour][seed] = value
        else:
            reasons[flavour].add(reason or "no value")
    return dict(runs), {flavour: "; ".join(sorted(given)) for flavour, given in reasons.items() if flavour not in runs}


def _with_best(
    runs: Mapping[str, Mapping[int, float]], metric: str, cells: Cells, families: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Flavours with a value, and the one of the best mean among those that are comparable with it, controls aside."""
    sign = {"higher": 1, "lower": -1, None: 0}[quantity(metric).better]
    groups: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for flavour, by_seed in runs.items():
        if sign and families[flavour] != CONTROLS:
            groups[comparable(cells[flavour][1])][flavour] = sign * float(np.mean(list(by_seed.values())))
    for scores in groups.values():
        best = max(sorted(scores), key=scores.__getitem__)
        yield from ((flavour, best) for flavour in scores)


def _with_reference(cells: Cells) -> Iterator[tuple[str, str]]:
    """All other flavours, and the plain VAE ("" if there is none)."""
    reference = next((flavour for flavour, (_, conditions) in cells.items() if plain(conditions)), "")
    yield from ((flavour, reference) for flavour in cells if flavour != reference)


def _hindrance(flavour: str, against: str, cells: Cells, lacking: Mapping[str, str]) -> str:
    """Why two flavours are not compared, of which some are ``lacking`` a value; empty if they are."""
    if not against:
        return "its block has no VAE with the default hyperparameters to be held against"
    if comparable(cells[flavour][1]) != comparable(cells[against][1]):
        return f"its data convention or likelihood is not that of {readable(against)}"
    if flavour in lacking:
        return lacking[flavour]
    return f"{readable(against)}: {lacking[against]}" if against in lacking else ""


def _keys(path: Path) -> list[str]:
    """What is kept by image, as METRIC/seedN."""
    with reading(path, "arrays", MEND), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return list(arrays.files)


def _images(path: Path, metric: str) -> dict[int, np.ndarray]:
    """Values (images,) by seed."""
    start = f"{metric}/seed"
    with reading(path, "arrays", MEND), path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {int(name.removeprefix(start)): arrays[name] for name in arrays.files if name.startswith(start)}
