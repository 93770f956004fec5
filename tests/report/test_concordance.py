"""Agreement across seeds: the table's numbers in closed form, its intervals, and that figures draw them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

from vaebench.geometry import agreement
from vaebench.report import concordance as module
from vaebench.report.concordance import (
    FISHER,
    SHOWN,
    _covariances,
    _same,
    _weighted,
    agree,
    agree_files,
    holm,
    interval,
    jackknifed,
)
from vaebench.report.differences import COLUMNS
from vaebench.report.figures import style
from vaebench.report.figures.agreement.concordance import concordance
from vaebench.report.figures.agreement.variation import variation
from vaebench.report.figures.draw import draw
from vaebench.report.summary import gather, summarise
from vaebench.report.tables.entry import number
from vaebench.report.tables.forms import forms
from vaebench.report.tables.shown import Results
from vaebench.study.tidy import CELL, METRICS

KINDS = ("pixel", "latent", "mahalanobis", "ends", "line", "geodesic", "shuffled")
Arrays = dict[str, np.ndarray]
AGREED = ("kendall_w", "mean_spearman", "reliability", "consistency")
DISCRETE = "its latents are discrete codes"


def noisy(seeds: int = 3, pairs: int = 40, noise: float = 0.4, of: int = 0) -> np.ndarray:
    generator = np.random.default_rng(of)
    return generator.gamma(3, size=pairs) * np.exp(noise * generator.normal(size=(seeds, pairs)))


def three(of: int = 0, seeds: int = 3) -> Arrays:
    """The less noise in a kind of distance, the more seeds agree on it."""
    noises = {
        "pixel": 0.0,
        "latent": 0.9,
        "mahalanobis": 0.8,
        "ends": 0.6,
        "line": 0.5,
        "geodesic": 0.2,
        "shuffled": 9.0,
    }
    return {kind: noisy(seeds, noise=noises[kind], of=of) for kind in KINDS}


def rows(flavours: dict[str, Arrays], reasons: dict[str, str] | None = None) -> pd.DataFrame:
    """Distances (seeds, pairs) by flavour and kind as a study's table; what is missing has its flavour's reason."""
    frames = []
    for flavour, kinds in flavours.items():
        for kind, values in kinds.items():
            seed, pair = np.indices(values.shape).reshape(2, -1)
            frame = pd.DataFrame({"seed": seed, "pair": pair, "distance": kind, "value": values.ravel()})
            reason = np.where(np.isnan(frame["value"]), (reasons or {}).get(flavour, ""), "")
            frames.append(frame.assign(flavour=flavour, reason=reason))
    return pd.concat(frames, ignore_index=True).assign(dataset="mnist", architecture="mlp", latent=2)


def found(distances: pd.DataFrame, flavour: str = "vae") -> pd.DataFrame:
    table = agree(distances)
    return table[table["flavour"] == flavour].set_index(["part", "metric"])


def same(values: np.ndarray) -> Arrays:
    return dict.fromkeys(KINDS, values)


# The table


def test_identical_seeds_agree_fully() -> None:
    table = found(rows({"vae": same(np.tile(noisy(1), (4, 1)))}))
    for kind in KINDS:
        for metric, value in (*dict.fromkeys(AGREED, 1).items(), ("variation", 0), ("scale_free_variation", 0)):
            row = table.loc[(kind, metric)]
            assert row[["mean", "low", "high"]].tolist() == pytest.approx([value] * 3, abs=1e-12)
    assert table.loc[("line - latent", "variation_t"), "reason"] == "all differences are equal"


def test_independent_seeds_agree_by_chance() -> None:
    table = found(rows({"vae": same(np.random.default_rng(0).random((5, 500)))}))
    assert table.loc[("latent", "kendall_w"), "mean"] == pytest.approx(1 / 5, abs=0.03)
    assert table.loc[("latent", "mean_spearman"), "mean"] == pytest.approx(0, abs=0.03)
    low, value, high = table.loc[("latent", "reliability"), ["low", "mean", "high"]]
    assert value == pytest.approx(0, abs=0.03) and low == 0 < high


def test_a_small_case_by_hand() -> None:
    # Ranks 1 2 3, 1 2 3, 2 1 3: sums 4, 5, 9, so S = 14 and W = 12 * 14 / (9 * 24); Spearman: 1, 1/2, 1/2.
    latent = np.array([[1.0, 2, 3], [1, 2, 3], [2, 1, 3]])
    # Two seeds are the third's halves: deviations over means are sqrt(1/3) / (4/3) for every pair, scale-free 0.
    line = np.array([[1.0, 2, 3], [1, 2, 3], [2, 4, 6]])
    geodesic = np.array([[1.0, 2, 4], [3, 2, 4], [np.nan, 2, 4]])
    table = found(rows({"vae": same(latent) | {"line": line, "geodesic": geodesic}}))
    assert table.loc[("latent", "kendall_w"), "mean"] == pytest.approx(7 / 9)
    assert table.loc[("latent", "mean_spearman"), "mean"] == pytest.approx(2 / 3)
    first = np.sqrt(1 / 3) / (4 / 3)
    assert table.loc[("latent", "variation"), "mean"] == pytest.approx((first + np.sqrt(1 / 3) / (5 / 3)) / 3)
    assert table.loc[("line", "variation"), "mean"] == pytest.approx(first)
    assert table.loc[("line", "scale_free_variation"), "mean"] == pytest.approx(0, abs=1e-12)
    assert table.loc[("geodesic", "variation"), ["n", "mean"]].tolist() == [2, 0]
    assert table.loc[("geodesic", "kendall_w"), "mean"] == pytest.approx(1)


def test_scale_of_a_seed_is_no_matter_but_to_the_plain_variation() -> None:
    scales = np.array([[1], [20], [0.1]])
    plain, scaled = (found(rows({"vae": {k: v * s for k, v in three().items()}})) for s in (1, scales))
    for metric in ("kendall_w", "mean_spearman", "consistency", "scale_free_variation"):
        for kind in KINDS:
            a, b = (table.loc[(kind, metric), ["mean", "low", "high"]].astype(float) for table in (plain, scaled))
            np.testing.assert_allclose(a, b, atol=1e-12)
    assert plain.loc[("line", "variation"), "mean"] < 0.6 < scaled.loc[("line", "variation"), "mean"]
    assert plain.loc[("line", "reliability"), "mean"] > 0.4 > scaled.loc[("line", "reliability"), "mean"]


def test_the_paired_test_is_that_of_the_coefficients_of_variation() -> None:
    distances = three()
    distances["geodesic"][1, 4] = np.nan
    table = found(rows({"vae": distances}))
    kinds = "geodesic", "latent"
    first, second = (agreement.variation(np.delete(distances[kind], 4, 1), scale_free=True) for kind in kinds)
    expected = stats.ttest_rel(first, second, alternative="less")
    t, p = (table.loc[("geodesic - latent", metric)] for metric in ("variation_t", "variation_p"))
    assert (t["mean"], p["mean"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert t["mean"] < 0 and t["n"] == p["n"] == 39
    assert t[["low", "high"]].isna().all() and t["reason"] == ""


def test_a_curve_is_held_against_its_decoded_ends() -> None:
    distances = three(seeds=4)
    distances["line"][1, 4] = np.nan
    table = found(rows({"vae": distances}))
    complete = [np.delete(distances[kind], 4, 1) for kind in ("line", "ends")]
    gain = table.loc[("line - ends", "mean_spearman")]
    ours, theirs = (agreement.mean_spearman(values).value for values in complete)
    assert (gain["mean"], gain["n"], gain["reason"]) == (pytest.approx(ours - theirs), 39, "")
    assert gain["low"] < gain["mean"] < gain["high"]
    same_twice = found(rows({"vae": three() | {"line": three()["ends"]}})).loc[("line - ends", "mean_spearman")]
    assert same_twice[["mean", "low", "high"]].tolist() == [0, 0, 0]


def test_p_is_corrected_for_the_flavours_of_its_block() -> None:
    p = pd.Series([0.01, np.nan, 0.04, 0.03, 0.5], [7, 3, 1, 9, 4])
    assert holm(p).dropna().to_dict() == pytest.approx({7: 0.04, 9: 0.09, 1: 0.09, 4: 0.5})
    every = rows({"vae": three(0), "ae": three(1), "iwae": three(2)})
    table = agree(pd.concat([every, every.assign(latent=16)])).query("part == 'geodesic - latent' and latent == 2")
    plain, corrected = (table[table["metric"] == name]["mean"].to_numpy() for name in ("variation_p", "corrected_p"))
    assert corrected.min() == pytest.approx(3 * plain.min())


def test_intervals_hold_the_value_and_narrow_with_more_pairs() -> None:
    few, many = (found(rows({"vae": same(noisy(3, pairs))})) for pairs in (40, 640))
    for metric in (*AGREED, "variation", "scale_free_variation"):
        for table in (few, many):
            low, value, high = table.loc[("line", metric), ["low", "mean", "high"]]
            assert low < value < high
        widths = [np.ptp(table.loc[("line", metric), ["low", "high"]].astype(float)) for table in (few, many)]
        assert widths[1] < widths[0]


def test_an_interval_of_a_mean_is_near_the_normal_one() -> None:
    values = noisy(2, 1000)
    low, high = found(rows({"vae": same(values)})).loc[("latent", "variation"), ["low", "high"]]
    assert high - low == pytest.approx(2 * 1.96 * stats.sem(agreement.variation(values)), rel=0.2)


def test_a_missing_pair_leaves_the_draws_of_the_others() -> None:
    values = noisy()
    holes = values.copy()
    holes[1, :10] = np.nan
    row = found(rows({"vae": same(holes)})).loc[("line", "kendall_w")]
    assert row["n"] == 30
    ends = interval(jackknifed(values[:, 10:])["kendall_w"], *FISHER)
    assert (row["low"], row["high"]) == pytest.approx(ends)


def test_the_jackknife_leaves_out_seeds_and_pairs() -> None:
    distances = noisy(4, 12)
    distances[1, 3] = 0  # which has no logarithm
    values = jackknifed(distances)
    for seed, pair in itertools.product((None, 0, 2), (None, 0, 7)):
        kept = distances if seed is None else np.delete(distances, seed, 0)
        kept = kept if pair is None else np.delete(kept, pair, 1)
        place = 0 if seed is None else 1 + seed, 0 if pair is None else 1 + pair
        for metric in AGREED:
            assert values[metric][place] == pytest.approx(getattr(agreement, metric)(kept).value)
        for metric, scale_free in (("variation", False), ("scale_free_variation", True)):
            expected = np.nanmean(agreement.variation(kept, scale_free=scale_free))
            assert values[metric][place] == pytest.approx(expected)
    assert {array.shape for array in values.values()} == {(5, 13)}
    assert {array.shape for array in jackknifed(distances[:2]).values()} == {(1, 13)}


def test_seeds_that_agree_fully_leave_no_interval() -> None:
    table = found(rows({"vae": same(np.tile(noisy(1), (3, 1)))})).loc["pixel"]
    for metric, value in {"mean_spearman": 1, "kendall_w": 1, "reliability": 1, "variation": 0}.items():
        assert table.loc[metric, ["mean", "low", "high"]].tolist() == pytest.approx([value] * 3, abs=1e-15)


def test_the_interval_of_a_mean_is_that_of_two_ways() -> None:
    """The mean of numbers that have effects of seeds and of pairs: the variance is that of the analysis."""
    generator = np.random.default_rng(1)
    values = 2 * generator.normal(size=(6, 1)) + generator.normal(size=30) + generator.normal(size=(6, 30))
    seeds, pairs = values.shape
    left = [values, *(np.delete(values, gone, 0) for gone in range(seeds))]
    means = np.array([[one.mean(), *(np.delete(one, gone, 1).mean() for gone in range(pairs))] for one in left])
    low, high = interval(means, _same, _same)
    of_seeds, of_pairs = values.mean(1).var(ddof=1) / seeds, values.mean(0).var(ddof=1) / pairs
    rest = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    variance = of_seeds + of_pairs - (rest**2).sum() / ((seeds - 1) * (pairs - 1) * seeds * pairs)
    freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_pairs**2 / (pairs - 1))
    assert (high + low) / 2 == pytest.approx(values.mean())
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, freedom) * variance**0.5)


def coverage(seeds: int, spread: float, noise: float, pairs: int, trials: int) -> tuple[float, float]:
    """How often an interval has the true mean Spearman correlation, over seeds and pairs and over pairs alone.

    Distances are normal, their noise differs from seed to seed. Of two seeds' correlation r, Spearman's is
    6 / pi asin(r / 2), averaged over all such seeds.
    """
    generator, held = np.random.default_rng(0), np.zeros(2)
    share = 1 / (1 + (noise * np.exp(spread * generator.normal(size=2000))) ** 2)
    expected = (6 / np.pi * np.arcsin(np.sqrt(np.outer(share, share)) / 2))[np.triu_indices(2000, 1)].mean()
    for _ in range(trials):
        scales = noise * np.exp(spread * generator.normal(size=(seeds, 1)))
        values = jackknifed(generator.normal(size=pairs) + scales * generator.normal(size=(seeds, pairs)))
        for index, shown in enumerate((values["mean_spearman"], values["mean_spearman"][:1])):
            low, high = interval(shown, *FISHER)
            held[index] += low < expected < high
    return tuple(held / trials)


def test_intervals_cover_where_seeds_were_drawn_and_pairs_alone_do_not() -> None:
    both, alone = coverage(6, 0.4, 0.5, 100, 200)
    assert both > 0.9 and alone < 0.75


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "pairs"), [(0.3, 100), (0.8, 40)])
@pytest.mark.parametrize("spread", [0, 0.1, 0.4])
@pytest.mark.parametrize("seeds", [3, 6, 10])
def test_intervals_cover(seeds: int, spread: float, noise: float, pairs: int) -> None:
    """As often as 95 %, give or take two and the error of a thousand trials; of three seeds they may be wide."""
    both, _ = coverage(seeds, spread, noise, pairs, 1000)
    assert 0.93 - 0.014 <= both <= (0.97 + 0.014 if seeds > 3 else 1)


@pytest.mark.parametrize("decimals", [9, 0])
def test_a_pair_that_counts_twice_is_a_pair_that_occurs_twice(decimals: int) -> None:
    distances = noisy(4, 30).round(decimals)  # with ties or without
    distances[:, 3] = 0  # which leaves the coefficient of variation undefined
    weights = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), 5).astype(float)
    draws = _weighted(distances, weights, _covariances(distances, weights))
    for draw_number in range(5):
        repeated = np.repeat(distances, weights[draw_number].astype(int), 1)
        assert draws["kendall_w"][draw_number] == pytest.approx(agreement.kendall_w(repeated).value)
        assert draws["mean_spearman"][draw_number] == pytest.approx(agreement.mean_spearman(repeated).value)
        assert draws["reliability"][draw_number] == pytest.approx(agreement.reliability(repeated).value)
        assert draws["consistency"][draw_number] == pytest.approx(agreement.consistency(repeated).value)
        for metric, scale_free in (("variation", False), ("scale_free_variation", True)):
            expected = np.nanmean(agreement.variation(repeated, scale_free=scale_free))
            assert draws[metric][draw_number] == pytest.approx(expected)


def test_a_cell_depends_on_its_own_distances_only() -> None:
    every = rows({"vae": three(0), "ae": three(1), "iwae": three(2, seeds=5)})
    alone = every[every["flavour"] == "vae"]
    shuffled = every.sample(frac=1, random_state=0)
    for other in (alone, shuffled):
        one, two = (found(table).query("metric != 'corrected_p'") for table in (every, other))
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    pd.testing.assert_frame_equal(agree(every), agree(shuffled), check_exact=True)
    columns = [name for name in agree(every) if name != "seeds"]
    assert columns == [name for name in summarise(summarised()) if name not in ("lowest", "highest", "error")]


def summarised() -> pd.DataFrame:
    return pd.DataFrame([("mnist", "mlp", "vae", 2, 0, "", "elbo", 1.0, 0.1, "")], columns=METRICS)


def test_what_is_missing_has_a_reason() -> None:
    lost = np.full((3, 40), np.nan)
    distances = rows(
        {
            "vq_vae": three() | {"line": lost, "geodesic": lost},
            "copy": same(lost),
            "ae": {kind: values[:1] for kind, values in three().items()},
            "vae": three() | {"latent": np.zeros((3, 40))},
        },
        {"vq_vae": DISCRETE, "copy": "it has no latents"},
    )
    table = agree(distances)
    assert (table["mean"].isna() == (table["reason"] != "")).all()
    reasons = {f: set(part["reason"]) for f, part in table[table["mean"].isna()].groupby("flavour")}
    assert reasons == {
        "vq_vae": {DISCRETE},
        "copy": {"it has no latents"},
        "ae": {"it has one seed"},
        "vae": {
            "all distances are equal for seeds [0, 1, 2]",
            "3 seeds and 0 pairs without a missing value: 2 of each are needed",
        },
    }
    assert found(distances, "vq_vae").loc[("latent", "kendall_w"), "mean"] > 0
    assert np.isfinite(found(distances).loc[("line", "variation"), "low"])


def test_a_seed_without_distances_costs_the_others_nothing() -> None:
    lost = {kind: np.concatenate([values, np.full((1, 40), np.nan)]) for kind, values in three().items()}
    distances = rows({"vae": lost}, {"vae": "the run diverged in its first epoch"})
    pd.testing.assert_frame_equal(agree(distances), agree(rows({"vae": three()})))


def without_seed(values: np.ndarray, seed: int) -> np.ndarray:
    values = values.copy()
    values[seed] = np.nan
    return values


def test_two_kinds_are_held_against_each_other_on_the_seeds_that_have_both() -> None:
    distances = three(seeds=5)
    lost = distances | {"line": without_seed(distances["line"], 0), "ends": without_seed(distances["ends"], 3)}
    table = found(rows({"vae": lost}, {"vae": "diverged"}))
    of_five = [kind for kind in KINDS if kind not in ("line", "ends")]
    assert table.loc[of_five, "seeds"].unique().tolist() == [5]
    assert table.loc[["line", "ends", "line - latent", "geodesic - ends"], "seeds"].unique().tolist() == [4]
    both = [np.delete(distances[kind], [0, 3], 0) for kind in ("line", "ends")]
    gain = table.loc[("line - ends", "mean_spearman")]
    ours, theirs = (agreement.mean_spearman(values).value for values in both)
    assert (gain["mean"], gain["seeds"], gain["n"]) == (pytest.approx(ours - theirs), 3, 40)
    first, second = (
        agreement.variation(np.delete(distances[kind], 0, 0), scale_free=True) for kind in ("line", "latent")
    )
    told = agreement.less_varied(first, second).value
    assert table.loc[("line - latent", "variation_t"), "mean"] == pytest.approx(told, rel=1e-12)
    none_in_common = {kind: without_seed(values[:2], int(kind == "line")) for kind, values in distances.items()}
    row = found(rows({"vae": none_in_common}, {"vae": "diverged"})).loc[("line - ends", "mean_spearman")]
    assert (row["n"], row["seeds"], row["reason"]) == (0, 0, "it has one seed")


def test_kinds_that_a_study_lacks_have_no_rows_and_those_it_has_are_held_against_ends() -> None:
    assert set(found(rows({"vae": three()})).index.get_level_values("part")) == {
        *KINDS, "line - ends", "geodesic - ends", "line - latent", "geodesic - latent"
    }  # fmt: skip
    few = {kind: values for kind, values in three().items() if kind in ("pixel", "latent")}
    assert set(found(rows({"vae": few})).index.get_level_values("part")) == set(few)
    further = three() | {"density": noisy(noise=0.1), "untrained": noisy()}
    table = found(rows({"vae": further}))
    ours, theirs = (agreement.mean_spearman(further[kind]).value for kind in ("density", "ends"))
    assert table.loc[("density - ends", "mean_spearman"), "mean"] == pytest.approx(ours - theirs)
    assert ("untrained", "reliability") in table.index and "ensemble - ends" not in table.index


def test_a_distance_of_zero_has_no_logarithm_and_is_counted() -> None:
    values = noisy(4)
    values[2, 5] = 0
    table = found(rows({"vae": same(values)}))
    assert table.loc[("line", "kendall_w"), "n"] == 40
    for metric in ("reliability", "consistency"):
        row = table.loc[("line", metric)]
        expected = getattr(agreement, metric)(np.delete(values, 5, 1)).value
        assert (row["n"], row["mean"]) == (39, pytest.approx(expected))
        assert row["low"] < row["mean"] < row["high"]


def test_the_table_shows_the_numbers() -> None:
    lost = np.full((3, 40), np.nan)
    distances = rows({"vae": three(), "ae": same(lost), "svae": three(seeds=1)}, {"ae": DISCRETE})
    families = {"ae": "deterministic", "svae": "curved", "vae": "gaussian"}
    results = Results(
        families,
        [conditions(flavour) for flavour in families],
        summary=summarise(summarised()),
        compute=summarise(summarised()),
        differences=pd.DataFrame(columns=COLUMNS),
        agreement=agree(distances),
    )
    pages = forms(results, "agreement")
    cells = shown(pages["md"])
    row = found(distances).loc[("geodesic", "mean_spearman")]
    text = number(*row[["mean", "low", "high"]], bracketed=True)
    assert cells["VAE", "mean Spearman (geodesic) ↑"] == text  # and bold, were it better than another
    p = found(distances).loc[("geodesic - latent", "corrected_p"), "mean"]
    assert float(cells["VAE", "corrected p (geodesic - latent)"]) == pytest.approx(p, rel=1e-3)
    assert len(cells) / 3 == (7 + 2) + 4 + 4 + 2  # correlations and gains, reliability, variation, p
    row = found(distances).loc[("line", "reliability")]
    assert number(*row[["mean", "low", "high"]], bracketed=True) in cells["VAE", "reliability (line) ↑"]
    lost = {name: text for (name, _), text in cells.items() if name != "VAE"}
    assert lost == {"AE<sup>1</sup>": "—", "SVAE<sup>2</sup>": "—"}
    assert pages["md"].endswith(f"\n\n<sup>1</sup> {DISCRETE}  \n<sup>2</sup> it has one seed\n")
    assert "; 3 seeds; 40 pairs of test images\n" in pages["md"]
    assert all(text.split()[0] in page for page in pages.values())


def shown(page: str) -> dict[tuple[str, str], str]:
    """What the tables of a page hold of each flavour under each heading."""
    found: dict[tuple[str, str], str] = {}
    head: list[str] = []
    for line in page.splitlines():
        if line.startswith("| Family"):
            head = [cell.strip() for cell in line.split("|")[3:-1]]
        elif line.startswith("| ") and not line.startswith("| ---"):
            _, name, *cells = (cell.strip() for cell in line.split("|")[1:-1])
            found |= {(name, heading): cell for heading, cell in zip(head, cells, strict=True)}
    return found


def test_the_table_says_where_a_seed_is_lost() -> None:
    distances = three() | {"line": without_seed(three()["line"], 1)}
    results = Results(
        {"vae": "gaussian"},
        [conditions("vae")],
        summary=summarise(summarised()),
        compute=summarise(summarised()),
        differences=pd.DataFrame(columns=COLUMNS),
        agreement=agree(rows({"vae": distances}, {"vae": "diverged"})),
    )
    page = forms(results, "agreement")["md"]
    marked = {heading for (_, heading), text in shown(page).items() if text.endswith("<sup>1</sup>")}
    assert page.endswith("\n\n<sup>1</sup> of 2 of 3 seeds\n")
    assert marked == {
        "mean Spearman (line) ↑", "mean Spearman (line - ends) ↑", "reliability (line) ↑",
        "scale free variation (line) ↓", "corrected p (line - latent)",
    }  # fmt: skip


def conditions(flavour: str) -> dict[str, Any]:
    """What a table states of a cell."""
    cell = {"dataset": "mnist", "architecture": "mlp", "flavour": flavour, "latent": 2}
    cell |= {name: {"name": label, "settings": {}} for name, label in (("objective", flavour), ("network", "mlp"))}
    cell |= {"likelihood": "bernoulli", "likelihood_settings": {}, "convention": "dynamic"}
    cell |= {"masking": 0.0, "precision": "float32", "warmup": 0}
    return cell | {"selection": "last epoch", "seeds": [0, 1, 2], "diverged": [], "pairs": 40, "test_sha256": "a"}


def test_pairs_are_read_as_numbers(tmp_path) -> None:
    distances = rows({"vae": three()})
    distances.to_csv(tmp_path / "distances.csv", index=False)
    pd.testing.assert_frame_equal(agree(gather([tmp_path / "distances.csv"])), agree(distances))


def test_a_study_is_read_a_cell_at_a_time(tmp_path) -> None:
    two = study().query("flavour == 'vae' or flavour == 'copy'")
    every = pd.concat([two, two.assign(latent=10, dataset="digits"), two.assign(latent=10)])
    paths = [tmp_path / f"{number}.csv" for number, _ in enumerate(every.groupby(CELL))]
    for path, (_, cell) in zip(paths[::-1], every.groupby(CELL), strict=True):
        cell.to_csv(path, index=False)
    pd.testing.assert_frame_equal(agree_files(paths), agree(every), check_exact=True)
    pd.testing.assert_frame_equal(agree_files(paths[::-1]), agree(every), check_exact=True)


# The figures

FAMILIES = {"iwae": "bounds", "vae": "gaussian", "vq_vae": "discrete", "ae": "deterministic"}
FAMILIES |= {"copy": "controls", "mean": "controls"}
LOOKS = style.palette(FAMILIES)


def study() -> pd.DataFrame:
    lost = np.full((3, 40), np.nan)
    vq = three(2) | {"line": lost, "geodesic": lost}
    arrays = {"ae": three(1), "vae": three(0), "vq_vae": vq, "copy": same(lost), "iwae": three(3)}
    return rows(arrays, {"vq_vae": DISCRETE, "copy": "it has no latents"})


def note(figure: Figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


def test_concordance_draws_the_table() -> None:
    distances = study()
    figure = concordance(distances, agree(distances), LOOKS)
    [axes] = figure.axes
    order = ["iwae", "vae", "vq_vae", "ae"]
    heights = [*style.places(order, LOOKS).values()]
    assert [label.get_text() for label in axes.get_yticklabels()] == [LOOKS[flavour].name for flavour in order]
    table = agree(distances).query("metric == 'mean_spearman'").set_index(["part", "flavour"])
    dots = {line.get_label(): line.get_xydata() for line in axes.lines}
    for bars, kind in zip(axes.collections, SHOWN, strict=True):
        shown = table.loc[kind].loc[order]
        np.testing.assert_array_equal(dots[kind][:, 0], shown["mean"])
        assert np.abs(dots[kind][:, 1] - heights).max() < 0.5
        ends = [segment[:, 0] for segment in bars.get_segments() if len(segment)]
        np.testing.assert_array_equal(ends, shown[["low", "high"]].dropna())
    told = table.loc[[*SHOWN]].query("high - low <= 0.5")["low"]
    left, right = axes.get_xlim()
    assert left == pytest.approx(min(told.min(), table.loc[[*SHOWN], "mean"].min()) - 0.02)
    assert right > 1 and axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.lines[-1].get_xdata() == [0, 0]
    assert note(figure) == (
        "Not shown: copy (control) — it has no latents; VQ-VAE in line, geodesic — its latents are discrete codes; "
        "mean (control) — no run."
    )


def test_variation_counts_every_pair_with_a_value() -> None:
    distances = study()
    figure = variation(distances, agree(distances), LOOKS)
    assert [axes.get_title() for axes in figure.axes] == ["IWAE", "VAE", "VQ-VAE", "AE"]
    table = agree(distances).query("metric == 'mean_spearman'").set_index(["flavour", "part"])["mean"]
    for axes, flavour in zip(figure.axes, ("iwae", "vae", "vq_vae", "ae"), strict=True):
        drawn = {patch.get_label(): patch.get_data() for patch in axes.patches}
        assert set(drawn) == ({"latent", "ends"} if flavour == "vq_vae" else set(SHOWN))
        for kind, (counts, edges, _) in drawn.items():
            chosen = distances[(distances["flavour"] == flavour) & (distances["distance"] == kind)]
            values = agreement.variation(chosen["value"].to_numpy().reshape(3, 40))
            expected = np.histogram(values, edges)[0]
            np.testing.assert_array_equal(counts[:-1], expected[:-1])
            assert counts.sum() == 40 and counts[-1] == expected[-1] + (values > edges[-1]).sum()
            assert axes.get_xlim() == (0, edges[-1])
        texts = [f"ρ {rho:.2f}" if np.isfinite(rho) else "ρ —" for rho in table[flavour][list(SHOWN)]]
        assert [text.get_text() for text in axes.texts] == texts
    assert "copy (control) — it has no latents; VQ-VAE in line, geodesic" in note(figure)


@pytest.mark.parametrize("figured", [variation, concordance])
def test_a_flavour_that_has_only_pixels_is_named_and_not_drawn(figured) -> None:
    lost = np.full((3, 40), np.nan)
    distances = rows({"vae": three(), "copy": same(lost) | {"pixel": three()["pixel"]}}, {"copy": "it has no latents"})
    figure = figured(distances, agree(distances), LOOKS)
    assert "copy (control) — it has no latents" in note(figure)
    named = [axes.get_title() for axes in figure.axes] + [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert "VAE" in named and "copy (control)" not in named


def test_one_failed_flavour_does_not_flatten_the_others_nor_lose_its_pairs() -> None:
    steady = {f"vae_{i}": same(noisy(noise=0.1, of=i)) for i in range(6)}
    failed = np.stack([np.full(40, 1e-3), np.full(40, 1e-3), np.arange(1, 41)])
    arrays = {**steady, "ae": {**same(failed), "latent": noisy()}}
    distances = rows(arrays)
    figure = variation(distances, agree(distances), style.palette(dict.fromkeys(arrays, "gaussian")))
    assert figure.axes[0].get_xlim()[1] < 1 < agreement.variation(failed).min()
    assert [patch.get_data().values[-1] for patch in figure.axes[-1].patches][1:] == [40, 40, 40]


@pytest.mark.parametrize("figured", [variation, concordance])
def test_words_are_clear_of_data_and_files_are_equal(figured, tmp_path) -> None:
    for path in (tmp_path / "a.png", tmp_path / "b.png"):
        figure = figured(study(), agree(study()), LOOKS)
        style.save(figure, [path])
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    for axes in figure.axes:
        assert axes.get_tightbbox().y1 <= legend.y0
        data = axes.transData.transform((0, axes.dataLim.y1))[1]
        assert all(data < text.get_window_extent().y0 for text in axes.texts)


@pytest.mark.parametrize("figured", [variation, concordance])
def test_a_single_seed_has_nothing_to_compare(figured) -> None:
    distances, looks = rows({"vae": three(seeds=1)}), style.palette({"vae": "gaussian"})
    figure = figured(distances, agree(distances), looks)
    assert figure.axes[0].texts[0].get_text().replace("\n", " ") == "no flavour has distances to compare over seeds"
    assert note(figure) == "Not shown: VAE — it has one seed."
    assert note(figured(study()[:0], agree(study()[:0]), looks)) == "Not shown: VAE — no run."


@pytest.mark.parametrize("name", ["variation", "concordance"])
def test_figures_of_a_block_are_drawn_from_its_cells_and_from_the_agreement_of_the_study(
    name: str, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreement = agree(pd.concat([study(), study().assign(latent=10, value=lambda table: table["value"] ** 2)]))
    agreement.to_csv(tmp_path / "agreement.csv", index=False)
    paths = []
    for flavour, cell in study().groupby("flavour"):
        paths.append(tmp_path / f"{flavour}.csv")
        cell.to_csv(paths[-1], index=False)
    expected = {"variation": variation, "concordance": concordance}[name](study(), agree(study()), LOOKS)
    monkeypatch.delattr(module, "_weighted")  # which agreement is computed with
    figure = draw(
        name, {"distances": paths, "agreement": [tmp_path / "agreement.csv"]}, FAMILIES, (), ["mnist", "mlp", 2]
    )
    expected.set_label(figure.get_label())
    for place, drawn in (("drawn.png", figure), ("expected.png", expected)):
        style.save(drawn, [tmp_path / place])
    assert (tmp_path / "drawn.png").read_bytes() == (tmp_path / "expected.png").read_bytes()
