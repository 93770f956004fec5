"""Ranks over blocks: against the published example of Demsar 2006, and other implementations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vaebench.report.concordance import COLUMNS as AGREEMENT
from vaebench.report.statistics._ranking import iman_davenport, ranking
from vaebench.report.statistics.ranks import COLUMNS, markdown, ranks

# Ranks of four variants of C4.5 on 14 data sets: Demsar 2006, table 6.
DEMSAR = [
    [4, 3, 2, 1],
    [1, 2, 3, 4],
    [4, 1, 2, 3],
    [4, 1, 3, 2],
    [4, 2, 3, 1],
    [1, 2.5, 4, 2.5],
    [3, 2, 4, 1],
    [2.5, 2.5, 4, 1],
    [4, 3, 2, 1],
    [2.5, 2.5, 2.5, 2.5],
    [4, 2.5, 1, 2.5],
    [3, 2, 4, 1],
    [4, 1, 2, 3],
    [3, 1, 4, 2],
]


def test_the_published_example() -> None:
    found = ranking(-np.array(DEMSAR))
    assert found.average == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    # The paper's statistic is not corrected for ties: three of two and one of four, so 78 / (14 (64 - 4)) are lost.
    plain = found.chi_square * (1 - 78 / 840)
    assert plain == pytest.approx(9.28, abs=5e-3)
    assert iman_davenport(plain, 14, 4) == pytest.approx(3.69, abs=5e-3)
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    # Of scikit-posthocs 0.17, posthoc_nemenyi_friedman:
    expected = {(0, 1): 0.088673, (0, 2): 0.956177, (0, 3): 0.074185, (1, 2): 0.259228, (1, 3): 0.999859}
    for pair, p in expected.items():
        assert found.pairwise[pair] == found.pairwise[pair[::-1]] == pytest.approx(p, abs=1e-5)
    # posthoc_conover_friedman(p_adjust="holm"):
    expected = {(0, 1): 0.0479408, (0, 2): 1, (0, 3): 0.0462803, (1, 2): 0.1310711, (1, 3): 1, (2, 3): 0.1310711}
    for pair, p in expected.items():
        assert found.conover[pair] == found.conover[pair[::-1]] == pytest.approx(p, abs=1e-6)


def test_the_published_example_against_a_control() -> None:
    """The others against C4.5, by Holm, as section 3.2.2 defines it; and the groups that Nemenyi leaves."""
    found = ranking(-np.array(DEMSAR))
    z = (found.average[0] - found.average) / (4 * 5 / (6 * 14)) ** 0.5
    assert z[1:] == pytest.approx([2.342, 0.512, 2.416], abs=1e-3)
    p = 2 * stats.norm.sf(z)
    assert p[1:] == pytest.approx([0.019, 0.609, 0.016], abs=1e-3)
    assert found.against(0)[1:] == pytest.approx([3 * p[3], p[2], 3 * p[3]], abs=1e-9)  # 2 p[1] is less than 3 p[3]
    assert np.isnan(found.against(0)[0])
    assert found.cliques() == [[3, 1, 2, 0]]  # 1.18 apart, and the critical difference is 1.25


def test_cliques_are_the_largest_groups_within_the_critical_difference() -> None:
    found = ranking(np.tile([4.0, 3, 2, 1], (8, 1)))
    assert found.critical_difference == pytest.approx(2.569 * (4 * 5 / (6 * 8)) ** 0.5, abs=1e-3)  # q at 0.05 of four
    close = dataclasses.replace(found, critical_difference=1.5)
    assert close.cliques() == [[0, 1], [1, 2], [2, 3]]
    assert dataclasses.replace(found, critical_difference=2.0 + 1e-9).cliques() == [[0, 1, 2], [1, 2, 3]]
    assert dataclasses.replace(found, critical_difference=0.5).cliques() == []
    assert dataclasses.replace(found, critical_difference=np.nan).cliques() == []


@pytest.mark.parametrize("decimals", [9, 0])
def test_the_test_is_friedmans_and_f_that_of_a_two_way_analysis_of_ranks(decimals: int) -> None:
    generator = np.random.default_rng(decimals)
    values = (generator.normal(size=(12, 5)) + 0.4 * np.arange(5)).round(decimals)  # with ties or without
    found = ranking(values)
    expected = stats.friedmanchisquare(*values.T)
    assert (found.chi_square, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    ranked = stats.rankdata(-values, axis=1)
    rest = ranked - ranked.mean(0) - ranked.mean(1, keepdims=True) + ranked.mean()
    f = (12 * np.square(ranked.mean(0) - 3).sum() / 4) / (np.square(rest).sum() / (4 * 11))
    assert (found.f, found.f_p) == pytest.approx((f, stats.f.sf(f, 4, 44)))
    order = found.average.argsort()
    assert found.average[order[-1]] - found.average[order[0]] > found.critical_difference
    assert found.pairwise[order[0], order[-1]] < 0.05 and (np.diag(found.pairwise) == 1).all()


def test_blocks_that_lack_a_treatment_do_not_count() -> None:
    values = np.random.default_rng(0).normal(size=(9, 3))
    holes = np.append(values, [[np.nan, 1, 2], [5, np.inf, 0]], 0)
    assert ranking(holes).blocks == 9 and ranking(holes).p == ranking(values).p


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.eye(4), "4 blocks with 4 treatments: a test needs 5 with 3"),
        (np.eye(9)[:, :2], "9 blocks with 2 treatments: a test needs 5 with 3"),
        (np.ones((6, 4)), "all treatments are tied in every block"),
    ],
)
def test_there_is_no_test_of_little(values: np.ndarray, words: str) -> None:
    found = ranking(values)
    assert found.reason == words
    assert np.isnan([found.p, found.f_p, found.chi_square, found.critical_difference, *found.pairwise.ravel()]).all()
    assert found.average.sum() == pytest.approx(values.shape[1] * (values.shape[1] + 1) / 2)


def test_blocks_that_rank_alike_leave_no_doubt() -> None:
    found = ranking(np.tile([3.0, 2, 1], (6, 1)))
    assert (found.chi_square, found.f, found.f_p) == (12, np.inf, 0)


# Of distances

KINDS = {"latent": 0.5, "ends": 0.6, "line": 0.8, "pixel": 1.0, "shuffled": 0.0}


def agreement(blocks: int, kinds: dict[str, float] = KINDS, flavours: int = 3) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    rows = [
        ("mnist", "mlp", f"f{flavour}", 2 + block, kind, metric, 40, 3, mean + 0.03 * generator.normal(), 0, 1, "")
        for block in range(blocks)
        for flavour in range(flavours)
        for kind, mean in kinds.items()
        for metric in ("mean_spearman", "kendall_w")
    ]
    return pd.DataFrame(rows, columns=AGREEMENT)


def test_kinds_are_ranked_over_blocks_by_the_mean_over_flavours() -> None:
    rows = agreement(6)
    rows.loc[(rows["flavour"] == "f2") & (rows["part"] == "line"), "mean"] = np.nan  # so f2 does not count
    table = ranks(rows)
    assert [*table] == [*COLUMNS, "p_latent", "p_ends", "p_line"]
    assert table["distance"].tolist() == ["line", "ends", "latent"]
    counted = rows.query("metric == 'mean_spearman' and flavour != 'f2'")
    means = counted.pivot_table(index="latent", columns="part", values="mean")[["latent", "ends", "line"]]
    found = ranking(means.to_numpy())
    assert table.set_index("distance")["average_rank"].loc[means.columns].tolist() == found.average.tolist()
    assert table.set_index("distance")["mean"].to_dict() == pytest.approx(means.mean().to_dict())
    assert set(table["p"]) == {found.p} and set(table["blocks"]) == {6} and set(table["reason"]) == {""}
    assert table.loc[0, "p_latent"] == found.pairwise[2, 0]
    lines = markdown(table).splitlines()
    assert lines[2] == f"| line | 1.000 | {means['line'].mean():.3f} | 6 | latent |"
    assert f"chi-square {found.chi_square:.2f}, p {found.p:.2g}" in lines[-1]


def test_four_blocks_have_ranks_and_a_note() -> None:
    rows = agreement(4)
    rows = pd.concat([rows, rows[rows["part"] == "line"].assign(part="geodesic", mean=np.nan)])
    table = ranks(rows)
    assert table["average_rank"].tolist() == pytest.approx([1, 2, 3, np.nan], nan_ok=True)
    assert table[["p", "f_p", "critical_difference", "p_line"]].isna().all(axis=None)
    few = "4 blocks with 3 treatments: a test needs 5 with 3"
    assert table["reason"].tolist() == [few] * 3 + ["no flavour has it"]
    text = markdown(table)
    assert text.endswith(f"; line, ends, latent: {few}; geodesic: no flavour has it.\n") and "Friedman" not in text


@pytest.mark.parametrize("rows", [agreement(3).assign(mean=np.nan), agreement(3)[:0]])
def test_nothing_has_no_rank(rows: pd.DataFrame) -> None:
    table = ranks(rows)
    assert table["average_rank"].isna().all() and (table["reason"] != "").all() and [*table] == COLUMNS
    assert markdown(table).startswith("| distance |")
