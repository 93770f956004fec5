"""Average ranks of flavours over blocks: Friedman's test, and after it Nemenyi's, Conover's and Holm's.

A block is a dataset, architecture and latent size, its value the mean over seeds: seeds are no blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from vaebench.report.concordance import holm
from vaebench.report.statistics._page import KEY, conditions, leaders, page_of_numbers
from vaebench.report.statistics._ranking import FEWEST_BLOCKS, FEWEST_TREATMENTS, LEVEL, ranking
from vaebench.report.tables.entry import MISSING
from vaebench.study.tidy import BLOCK

INPUTS = ("summary",)
TESTS = ["critical_difference", "chi_square", "p", "f", "f_p"]
COUPLES = ["nemenyi_best", "conover_best", "conover_reference", "holm_reference"]
COLUMNS = [
    *(*KEY, "flavour", "average_rank", "blocks", "flavours"),
    *(*TESTS, "f_p_holm", *COUPLES, "cliques", "reason"),
]


def average_ranks(summary: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`, the best of each number first; controls and flavours that lack a block are not ranked.

    A block counts if a flavour has a value there. ``f_p_holm`` is ``f_p`` by Holm over all numbers of the same
    conditions. `COUPLES` are probabilities of equal ranks, against the first flavour and against the plain VAE: of
    Nemenyi's test, of Conover's (by Holm over all couples), and the normal one (by Holm over all against the VAE).
    ``cliques`` numbers the groups that Nemenyi's test does not tell apart.
    """
    groups = summary[~summary["control"]].groupby(KEY)
    table = pd.DataFrame([row for key, rows in groups for row in _of(key, rows)], columns=COLUMNS)
    tests = table.drop_duplicates(KEY)
    corrected = tests.assign(f_p_holm=tests.groupby("conditions")["f_p"].transform(holm))
    return table.drop(columns="f_p_holm").merge(corrected[[*KEY, "f_p_holm"]], on=KEY)[COLUMNS]


def _of(key: tuple, rows: pd.DataFrame) -> Iterator[tuple]:
    values = rows.assign(score=rows["mean"] * rows["sign"]).pivot(index=BLOCK, columns="flavour", values="score")
    values = values.where(np.isfinite(values)).dropna(how="all")
    whole = values.dropna(axis=1)
    found = ranking(whole.to_numpy())
    flavours = [*whole.columns]
    tests = [getattr(found, name) for name in TESTS]
    references = rows.loc[rows["reference"] & rows["flavour"].isin(flavours), "flavour"]
    unknown = np.full(len(flavours), np.nan)
    couples = [unknown] * len(COUPLES)
    if not found.reason:
        first = int(found.average.argmin())
        couples = [found.pairwise[first], found.conover[first], unknown, unknown]
        if len(references):
            reference = flavours.index(references.iloc[0])
            couples[2:] = found.conover[reference], found.against(reference)
    members: dict[int, list[str]] = {}
    for number, clique in enumerate(found.cliques(), 1):
        for place in clique:
            members.setdefault(place, []).append(f"{number}")
    for place in np.argsort(found.average, kind="stable"):
        facts = [found.blocks, len(flavours), *tests, np.nan, *(couple[place] for couple in couples)]
        yield *key, flavours[place], found.average[place], *facts, " ".join(members.get(place, [])), found.reason
    lacking = values.columns.difference(whole.columns).union(rows["flavour"]).difference(whole.columns)
    for flavour in lacking:
        count = int(values[flavour].isna().sum()) if flavour in values else len(values)
        missing = [np.nan] * (len(TESTS) + 1 + len(COUPLES))
        reason = "no block has a value" if values.empty else f"no value in {count} of {len(values)} blocks"
        yield *key, flavour, np.nan, 0, len(flavours), *missing, "", reason


def markdown(table: pd.DataFrame) -> str:
    """A row per number: the first three, and whether the ranks of all differ."""
    headings = (
        "first",
        "second",
        "third",
        "flavours",
        "blocks",
        "F",
        "p",
        "p by Holm",
        "critical difference",
    )
    lines = []
    for (_, part, name), found in table.groupby(KEY, sort=False):
        ranked = found.dropna(subset="average_rank")
        if len(ranked):
            one = ranked.iloc[0]
            tests = [one[name] for name in ("f", "f_p", "f_p_holm", "critical_difference")]
            numbers = [MISSING if np.isnan(x) else f"{x:.{'2g' if 0 < i < 3 else '2f'}}" for i, x in enumerate(tests)]
            counts = [f"{one['flavours']}", f"{one['blocks']}"]
            lines.append((part, name, [*leaders(ranked, "average_rank", least=True), *counts, *numbers]))
    notes = [
        "Average ranks of flavours, 1 the best, over blocks of one dataset, architecture and latent size, of means "
        "over seeds; flavours that lack a value in a block are not ranked. F and p: Iman's and Davenport's form of "
        "Friedman's test, p also by Holm over all metrics; critical difference: Nemenyi's, of average ranks at "
        f"{LEVEL}. Blocks of one dataset are not independent, so p is rather too small.",
        f"There is no p of fewer than {FEWEST_BLOCKS} blocks or {FEWEST_TREATMENTS} flavours.",
        conditions(table),
    ]
    return page_of_numbers(headings, lines, notes, "---rrrrrr")
