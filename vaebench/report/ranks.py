"""Average ranks of treatments over blocks, and whether they differ: Friedman's test and Nemenyi's after it.

Demsar 2006, https://jmlr.org/papers/v7/demsar06a.html. Here the treatments are kinds of distances, and what is ranked
is how far seeds agree on them. A block is a dataset, architecture and latent size, its value a mean over flavours:
pairs of images and flavours are no blocks, as they share their images and their networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from vaebench.evaluation.survey import DISTANCES
from vaebench.report.tables.entry import MISSING
from vaebench.study.tidy import BLOCK

Array = np.ndarray

BASELINES = ("pixel", "shuffled")  # on which seeds agree fully, or on nothing of a pair: not ranked
METRIC = "mean_spearman"
LEVEL = 0.05
FEWEST_BLOCKS, FEWEST_TREATMENTS = 5, 3
FACTS = ("blocks", "critical_difference", "chi_square", "p", "f", "f_p", "reason")  # of a `Ranking` as a whole
COLUMNS = ["distance", "average_rank", "mean", *FACTS]
HEADINGS = ("distance", "average rank", "mean Spearman", "blocks", "told from")


@dataclass(frozen=True)
class Ranking:
    """Of treatments, of which the best has rank 1. What is not a number ``reason`` explains.

    ``average`` (treatments,) are mean ranks over ``blocks``; ``p`` and ``f_p`` are the probabilities of Friedman's
    ``chi_square``, corrected for ties, and of Iman's and Davenport's ``f`` under equal treatments; ``pairwise``
    (treatments, treatments) are those of Nemenyi's test, whose ``critical_difference`` of average ranks is at `LEVEL`.
    """

    average: Array
    blocks: int
    pairwise: Array
    chi_square: float = np.nan
    p: float = np.nan
    f: float = np.nan
    f_p: float = np.nan
    critical_difference: float = np.nan
    reason: str = ""


def ranking(values: Array) -> Ranking:
    """Of treatments by values (blocks, treatments), of which more is better, in the blocks that have all of them."""
    from scipy import stats

    values = np.asarray(values, float)
    ranks = stats.rankdata(-values[np.isfinite(values).all(1)], axis=1)
    blocks, treatments = ranks.shape
    average = ranks.mean(0) if blocks else np.full(treatments, np.nan)
    unknown = np.full((treatments, treatments), np.nan)
    if blocks < FEWEST_BLOCKS or treatments < FEWEST_TREATMENTS:
        few = f"{blocks} blocks with {treatments} treatments: a test needs {FEWEST_BLOCKS} with {FEWEST_TREATMENTS}"
        return Ranking(average, blocks, unknown, reason=few)
    spread = np.square(ranks - (treatments + 1) / 2).sum()
    if not spread:
        return Ranking(average, blocks, unknown, reason="all treatments are tied in every block")
    chi_square = (treatments - 1) * blocks**2 * np.square(average - (treatments + 1) / 2).sum() / spread
    f = iman_davenport(chi_square, blocks, treatments)
    error = np.sqrt(treatments * (treatments + 1) / (12 * blocks))  # of an average rank, as studentised ranges have it
    apart = np.abs(average[:, None] - average) / error
    return Ranking(
        average,
        blocks,
        stats.studentized_range.sf(apart, treatments, np.inf),
        chi_square=float(chi_square),
        p=float(stats.chi2.sf(chi_square, treatments - 1)),
        f=f,
        f_p=float(stats.f.sf(f, treatments - 1, (treatments - 1) * (blocks - 1))),
        critical_difference=float(stats.studentized_range.isf(LEVEL, treatments, np.inf) * error),
    )


def iman_davenport(chi_square: float, blocks: int, treatments: int) -> float:
    """Friedman's statistic as one of Fisher's distribution with treatments - 1 degrees of freedom, and that by
    blocks - 1; infinite where all blocks rank alike."""
    left = blocks * (treatments - 1) - chi_square
    return float((blocks - 1) * chi_square / left) if left > 1e-9 * blocks else np.inf


def rank(agreement: pd.DataFrame) -> pd.DataFrame:
    """Kinds of distances by how far seeds agree on them, in rows with `COLUMNS`, the best first.

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
    """What `rank` gave, in Markdown."""
    lines = [HEADINGS, ["---", "--:", "--:", "--:", "---"]]
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
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n\n" + "; ".join(said) + ".\n"
