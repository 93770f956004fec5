"""Kinds of distances of test images by how far the seeds of a flavour agree on them: average ranks over blocks.

A block is a dataset, architecture and latent size, its value a mean over flavours: pairs of images and flavours are no
blocks, as they share their images and their networks.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from vaebench.evaluation.survey import DISTANCES
from vaebench.report.statistics._page import page
from vaebench.report.statistics._ranking import LEVEL, ranking
from vaebench.report.tables.entry import MISSING
from vaebench.study.tidy import BLOCK

INPUTS = ("agreement",)
BASELINES = ("pixel", "shuffled")  # on which seeds agree fully, or on nothing of a pair: not ranked
METRIC = "mean_spearman"
FACTS = ("blocks", "critical_difference", "chi_square", "p", "f", "f_p", "reason")  # of a `Ranking` as a whole
COLUMNS = ["distance", "average_rank", "mean", *FACTS]
HEADINGS = ("distance", "average rank", "mean Spearman", "blocks", "told from")


def ranks(agreement: pd.DataFrame) -> pd.DataFrame:
    """In rows with `COLUMNS`, the best first.

    ``agreement`` is of `vaebench.report.concordance.agree`. The ``mean`` is over blocks; a block's value is the mean
    over the flavours that have all kinds but those that no flavour has. Further columns ``p_KIND`` hold the p of
    Nemenyi's test against that kind.
    """
    rows = agreement[(agreement["metric"] == METRIC) & agreement["part"].isin({*DISTANCES} - {*BASELINES})]
    table = rows.pivot(index=[*BLOCK, "flavour"], columns="part", values="mean")
    table = table[[kind for kind in DISTANCES if kind in table]]
    blocks = table.dropna(axis=1, how="all").dropna().groupby(level=BLOCK).mean()
    found = ranking(blocks.to_numpy())
    facts = {name: getattr(found, name) for name in FACTS}
    ranked = pd.DataFrame({"average_rank": found.average, "mean": blocks.mean()} | facts, index=blocks.columns)
    lost = pd.DataFrame({"blocks": 0, "reason": "no flavour has it"}, index=table.columns.difference(ranked.index))
    pairwise = pd.DataFrame(found.pairwise, blocks.columns, blocks.columns).add_prefix("p_")
    rows = pd.concat([ranked.join(pairwise).sort_values("average_rank", kind="stable"), lost])
    return rows.rename_axis("distance").reset_index().reindex(columns=[*COLUMNS, *pairwise])


def markdown(table: pd.DataFrame) -> str:
    """A row per kind of distance."""
    lines = []
    tested = [name.removeprefix("p_") for name in table if name.startswith("p_")]
    for row in table.to_dict("records"):
        told = [kind for kind in tested if row[f"p_{kind}"] < LEVEL]
        numbers = [MISSING if np.isnan(row[name]) else f"{row[name]:.3f}" for name in ("average_rank", "mean")]
        lines.append([row["distance"], *numbers, f"{row['blocks']}", ", ".join(told) or MISSING])
    said = [
        "Ranks of the seeds' mean Spearman correlation, 1 the best, over blocks of one dataset, architecture and "
        "latent size (means over the flavours that have all kinds); blocks of one dataset are not independent"
    ]
    for row in table[table["critical_difference"].notna()].head(1).itertuples():
        said += [
            f"Friedman's test: chi-square {row.chi_square:.2f}, p {row.p:.2g}; Iman's and Davenport's: F {row.f:.2f}, "
            f"p {row.f_p:.2g}",
            f"told from: by Nemenyi's test at {LEVEL}, average ranks {row.critical_difference:.2f} apart",
        ]
    reasons = table[table["reason"] != ""].groupby("reason", sort=False)["distance"].unique()
    said += [f"{', '.join(kinds)}: {reason}" for reason, kinds in reasons.items()]
    return page(HEADINGS, lines, [f"{'; '.join(said)}."], "-rrr-")
