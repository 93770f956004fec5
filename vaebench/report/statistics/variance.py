"""Where the variance of a metric over all runs comes from: dataset, latent size, flavour, their interactions, seeds.

value = mean + dataset + architecture + latent + flavour + all their interactions + seed, all random (a mixed model of
crossed factors): a seed is nested in a cell, whose run it is.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from vaebench.report.statistics import _components
from vaebench.report.statistics._page import KEY, conditions, page_of_numbers, reasons, sizes
from vaebench.report.tables.entry import MISSING
from vaebench.study.tidy import BLOCK, CELL, RUN

INPUTS = ("metrics",)
FACTORS = (*BLOCK, "flavour")
LEVELS = [f"{factor}s" for factor in FACTORS]
COLUMNS = [*KEY, "component", "variance", "share", *LEVELS, "runs", "reason"]


def variance(metrics: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`: of each number a row per component, controls aside.

    Each cell counts alike, however many runs it has. Factors of one level have none. The last component is "seed", or
    "rest" where no cell has two runs: then seeds and the interaction of all factors are one. ``share`` is that of the
    sum of the components' ``variance``.
    """
    rows = []
    known = metrics[~metrics["control"] & np.isfinite(metrics["value"])].sort_values(RUN)
    for key, given in known.groupby(KEY):
        factors = {name: pd.factorize(given[name])[0] for name in FACTORS}
        levels = [int(codes.max()) + 1 for codes in factors.values()]
        crossed = [name for name, count in zip(FACTORS, levels, strict=True) if count > 1]
        effects = [":".join(some) for size in range(len(crossed)) for some in combinations(crossed, size + 1)]
        repeated = given.duplicated(CELL).any()
        if not repeated:
            effects = effects[:-1]
        alike = 1 / given.groupby(CELL)["value"].transform("size").to_numpy()
        found = _components.components(given["value"].to_numpy(), factors, effects, alike)
        found["seed" if repeated else "rest"] = found.pop("rest")
        total = sum(found.values())
        reason = ""
        if np.isnan(total):
            reason = "too few runs to tell components apart"
        elif not total:
            reason = "all runs have the same value"
        for name, value in found.items():
            share = np.nan if reason else value / total
            rows.append((*key, name, value, share, *levels, len(given), reason))
    return pd.DataFrame(rows, columns=COLUMNS)


def markdown(table: pd.DataFrame) -> str:
    """A row per number, a column per component."""
    names = [*dict.fromkeys(table["component"])]
    names = [name for name in names if name not in ("seed", "rest")] + [n for n in ("seed", "rest") if n in names]
    lines = []
    for (_, part, name), found in table.groupby(KEY, sort=False):
        shares = found.set_index("component")["share"]
        told = [f"{100 * shares[n]:.1f}" if n in shares and not np.isnan(shares[n]) else MISSING for n in names]
        lines.append((part, name, [*told, *sizes(*(found[level] for level in LEVELS), found["runs"])]))
    notes = [
        "Shares (%) of the variance of a metric over all runs, of random factors, estimated from squared differences "
        "of runs by what they share (of complete data the analysis of variance), cells counting alike however many "
        "runs they have; those below 0 are set to 0; seed: runs of one cell; rest: seeds and the interaction of all "
        "factors, where cells have one run. A component is no surer than its factor has levels: of two datasets, that "
        "of the dataset has one degree of freedom.",
        conditions(table),
        *reasons(table.drop_duplicates(KEY)),
    ]
    return page_of_numbers([*names, *LEVELS, "runs"], lines, notes, "r" * (len(names) + len(LEVELS) + 1))
