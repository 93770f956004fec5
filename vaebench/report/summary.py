"""From the CSV files of cells to tables of a study, and from there to a summary over seeds.

Intervals are Student's: mean ± t(0.975, n - 1) s / √n for n seeds with standard deviation s. Of fewer than `FEWEST`
seeds there is none: that of two is 13 times as wide as the two values are apart, and says nothing.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vaebench.errors import VaebenchError
from vaebench.files import AGAIN, reading, remove, uncompressed
from vaebench.study.tidy import CELL, INTEGERS, RUN

FLOATS = ("value", "mean", "low", "high", "lowest", "highest", "error")
NAMES = {
    *("dataset", "architecture", "flavour", "part", "metric", "reason", "split", "term", "distance", "role", "against"),
    *("conditions", "component", "other_part", "other_metric", "cliques", "standing", "dominated_by"),
}
FEWEST = 3
MEND = "delete it, and it is made again"


def complete(paths: Iterable[str | Path], conditions: Iterable[str | Path], name: str) -> list[Path]:
    """The tables of this name of cells, each of as many rows as its cell's conditions say that were measured.

    Raises `VaebenchError` if one is not, and removes it, so that the workflow measures the cell again.
    """
    tables = [*map(Path, paths)]
    for path, other in zip(tables, conditions, strict=True):
        with reading(other, "the conditions of a cell", MEND):
            cell = json.loads(Path(other).read_text())
            promised = cell["rows"][name]
        with reading(path, "a table", MEND), path.open(newline="") as file:
            found = sum(1 for _ in csv.reader(file)) - 1
        if found != promised:
            remove(path)
            place = "{dataset}/{architecture}/{flavour}/z{latent}".format(**cell)
            raise VaebenchError(
                f"{path}: {found} rows, and {promised} were measured of {place}; it is removed: {AGAIN}"
            )
    return tables


def join(paths: Iterable[str | Path]) -> bytes:
    """The rows of CSV files of one kind under their one heading, in an order that does not depend on that of the paths.

    Numbers keep their text. Raises `VaebenchError` if there is no file, one cannot be read, or headings differ.
    """
    headings, bodies = {}, []
    for path in sorted(map(Path, paths)):
        with reading(path, "a table", MEND):
            content = _content(path)
        heading, _, body = content.partition(b"\n")
        headings[heading] = path
        bodies.append(body)
    return b"\n".join([_only(headings), b"".join(bodies)])


def gather(paths: Iterable[str | Path]) -> pd.DataFrame:
    """One table from CSV files of one kind, in an order that does not depend on that of the paths.

    Latent sizes, seeds, epochs, pairs and counts are integers, `FLOATS` are floats (empty: NaN), `NAMES` are text
    (empty: ""). Another column is of integers if all its entries are, of floats if all are numbers or empty, else text.
    Raises `VaebenchError` if there is no file, one cannot be read, or headings differ.
    """
    frames = {path: _read(path) for path in sorted(map(Path, paths))}
    _only({tuple(frame.columns): path for path, frame in frames.items()})
    return pd.concat(frames.values(), ignore_index=True)


def _read(path: Path) -> pd.DataFrame:
    types: defaultdict[str, Any] = defaultdict(lambda: str, dict.fromkeys((*INTEGERS, "n", "images"), np.int64))
    with reading(path, "a table", MEND):
        # Only a number can be missing: "nan" may be a dataset's name. The text of a float converts to its nearest bits.
        table = pd.read_csv(
            io.BytesIO(_content(path)), dtype=types, keep_default_na=False, na_values={name: [""] for name in FLOATS}
        )
        table = table.astype(dict.fromkeys(table.columns.intersection(FLOATS), np.float64))
        table = table.assign(
            **{name: _typed(table[name]) for name in table.columns.difference([*NAMES, *types, *FLOATS])}
        )
        if len(table) and not any(kind.kind == "f" for kind in table.dtypes):
            raise ValueError("it has no column of numbers, such as 'value' or 'mean'")
        return table


def _typed(column: pd.Series) -> pd.Series:
    """A column of text as one of integers or floats, if it is one."""
    if column.str.fullmatch(r"-?\d+").all():
        return column.astype(np.int64)
    if column.str.fullmatch(r"|-?(inf|\d.*)").all():
        return column.mask(column == "", "nan").astype(np.float64)
    return column


def _content(path: Path) -> bytes:
    """A table's content, of whole rows: a number that is cut in two is a number; ValueError if the last is none."""
    content = uncompressed(path)
    if not content.endswith(b"\n"):
        raise ValueError("it does not end with a whole line")
    return content


def _only(kinds: Mapping[Any, Path]) -> Any:
    """The one kind of all tables; raises `VaebenchError` if there is none, or another."""
    if not kinds:
        raise VaebenchError("no tables to gather: give at least one CSV file")
    kind, *others = kinds
    if others:
        raise VaebenchError(
            f"{kinds[kind]} and {kinds[others[0]]} have other columns: delete them, and they are made again"
        )
    return kind


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Mean and 95 % confidence interval over seeds, one row per cell, part and metric.

    Columns: the cell, ``part``, ``metric``, ``n`` (seeds with a value), ``mean``, ``low`` and ``high`` (the interval;
    NaN for fewer than `FEWEST` seeds), ``lowest`` and ``highest`` (of the seeds' values), ``error`` (the seeds' mean
    standard error over test images, which that of the mean is at most; NaN where a value is no mean over images) and
    ``reason`` (only if no seed has a value).
    """
    groups = metrics.groupby([*CELL, "part", "metric"])
    table = groups.size().index.to_frame(index=False)
    group, values = groups.ngroup().to_numpy(), metrics["value"].to_numpy()
    order = np.lexsort([metrics["seed"], group])
    order = order[~np.isnan(values[order])]
    values, errors = values[order], metrics["error"].to_numpy()[order]
    counts = np.bincount(group[order], minlength=len(table))
    first = np.cumsum(counts) - counts
    mean, half, lowest, highest, error = np.full((5, len(table)), np.nan)
    for n in set(counts.tolist()) - {0}:  # groups of as many seeds are the rows of a matrix
        of = counts == n
        places = first[of, None] + np.arange(n)
        given = values[places]
        with np.errstate(invalid="ignore"):
            mean[of], lowest[of], highest[of] = given.mean(1), given.min(1), given.max(1)
            error[of] = errors[places].mean(1)
            if n >= FEWEST:
                half[of] = half_width(given)
    lacking = pd.DataFrame({"group": group, "reason": metrics["reason"].to_numpy()})[(counts == 0)[group]]
    lacking = lacking[lacking["reason"] != ""].drop_duplicates().sort_values(["group", "reason"])
    reasons = lacking.groupby("group")["reason"].agg("; ".join).reindex(table.index, fill_value="")
    ends = {"low": mean - half, "high": mean + half, "lowest": lowest, "highest": highest}
    return table.assign(n=counts, mean=mean, **ends, error=error, reason=reasons)


def whole(costs: pd.DataFrame) -> pd.DataFrame:
    """Tidy costs, but for those of diverged runs, which ended early: they are missing."""
    diverged = costs[(costs["metric"] == "diverged") & (costs["value"] == 1)]
    lost = pd.MultiIndex.from_frame(costs[RUN]).isin(pd.MultiIndex.from_frame(diverged[RUN]))
    return costs.assign(value=costs["value"].mask(lost), reason=costs["reason"].mask(lost, "the run diverged"))


def half_width(values: np.ndarray) -> np.ndarray:
    """Of the 95 % Student interval of each row's mean; 0 for equal values, NaN where undefined, as with infinite ones.

    ``values`` are (rows, n), the result is (rows,).
    """
    from scipy import special

    n = values.shape[1]
    deviation = np.where(np.ptp(values, 1) == 0, 0.0, values.std(1, ddof=1))
    return special.stdtrit(n - 1, 0.975) * deviation / np.sqrt(n)
