"""Statistics of a study: against scipy, statsmodels, definitions, and what was put in."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vaebench.report.differences import COLUMNS as DIFFERENCES
from vaebench.report.statistic import inputs, judged, make, roles
from vaebench.report.statistics import _ranking, _runs
from vaebench.report.statistics.average_ranks import average_ranks
from vaebench.report.statistics.best import best, verdict
from vaebench.report.statistics.effects import effects, hedges, noncentrality
from vaebench.report.statistics.improvement import improvement
from vaebench.report.statistics.interquartile_mean import interquartile_mean, middle
from vaebench.report.statistics.metric_correlation import metric_correlation
from vaebench.report.statistics.pareto import pareto
from vaebench.report.statistics.profiles import THRESHOLDS, profiles
from vaebench.report.statistics.seed_agreement import markdown as seed_markdown
from vaebench.report.statistics.seed_agreement import seed_agreement
from vaebench.report.statistics.variance import variance
from vaebench.report.summary import gather, summarise
from vaebench.study import catalogue
from vaebench.study.config import check
from vaebench.study.tidy import METRICS

FLAVOURS = ("vae", "iwae", "vamp", "ae", "copy")
OF_METRICS = ("interquartile_mean", "improvement", "profiles", "effects", "seed_agreement", "variance")
Table = pd.DataFrame


def cells(
    flavours: Any = FLAVOURS, latents: Any = (2, 16), datasets: Any = ("mnist", "digits"), **other: Any
) -> list[dict[str, Any]]:
    """What `roles` says of a study."""
    raw = {"datasets": dict.fromkeys(datasets), "flavours": dict.fromkeys(flavours), "latents": [*latents]}
    return roles(check(raw | other))


def values(shape: tuple[int, ...] = (2, 2, 5, 3), of: int = 0) -> np.ndarray:
    """(datasets, latents, flavours, seeds): flavours in their order, the last is a control."""
    random = np.random.default_rng(of)
    return random.normal(size=shape) + 5 * random.normal(size=(*shape[:2], 1, 1)) + np.arange(shape[2])[:, None]


def tidy(found: np.ndarray, metric: str = "ssim", places: list[dict[str, Any]] | None = None, part: str = "") -> Table:
    """Tidy metrics of values (datasets, latents, flavours, seeds); what is not a number has a reason."""
    places = cells() if places is None else places
    names = [[*dict.fromkeys(cell[name] for cell in places)] for name in ("dataset", "latent", "flavour")]
    rows = [
        (names[0][d], "mlp", names[2][f], names[1][latent], seed, part, metric, value, np.nan, _reason(value))
        for (d, latent, f, seed), value in np.ndenumerate(found)
    ]
    return pd.DataFrame(rows, columns=METRICS)


def _reason(value: float) -> str:
    return "it has none" if np.isnan(value) else ""


def study(*tables: Table) -> Table:
    return judged(pd.concat(tables, ignore_index=True), cells())


def means(*tables: Table) -> Table:
    return judged(summarise(pd.concat(tables, ignore_index=True)), cells())


def of(table: Table, **place: Any) -> Table:
    for name, value in place.items():
        table = table[table[name] == value]
    return table.reset_index(drop=True)


# All statistics


def given() -> dict[str, Table]:
    """The tables of a study, without those of distances."""
    metrics = pd.concat(
        [tidy(values()), tidy(-values(of=1), "mse"), tidy(values(of=2), "frechet_distance", part="prior")]
    )
    compute = tidy(np.abs(values(of=3)), "wall_seconds")
    summary = summarise(metrics)
    held = of(summary, metric="ssim").assign(role="best", against="ae", images=100)[DIFFERENCES]
    return {"metrics": metrics, "summary": summary, "compute": compute, "differences": held}


STATISTICS = sorted(inputs(geometry=False))


def test_a_study_without_geometry_has_none_of_its_statistics() -> None:
    assert {*inputs(geometry=True)} - {*STATISTICS} == {"components", "ranks"}
    assert {*inputs(geometry=True)} == {*catalogue.names("statistics")}


@pytest.mark.parametrize("name", STATISTICS)
def test_the_order_of_rows_and_controls_do_not_matter(name: str) -> None:
    tables = given()
    found, page = make(name, tables, cells())
    shuffled = {what: table.sample(frac=1, random_state=1) for what, table in tables.items()}
    again, same = make(name, shuffled, cells())
    assert found.to_csv(index=False) == again.to_csv(index=False) and page == same
    assert len(found) and "Data convention and likelihood: dynamic bernoulli; only flavours of the same meet" in page
    if name != "best":
        without = {what: table[table["flavour"] != "copy"] for what, table in tables.items()}
        assert make(name, without, cells())[0].to_csv(index=False) == found.to_csv(index=False)


@pytest.mark.parametrize("name", STATISTICS)
def test_nothing_makes_an_empty_table(name: str, tmp_path: Any) -> None:
    found, page = make(name, {what: table[:0] for what, table in given().items()}, cells())
    assert found.empty and page.startswith("| ")
    (tmp_path / "table.csv").write_text(found.to_csv(index=False))
    assert [*gather([tmp_path / "table.csv"])] == [*found]


@pytest.mark.parametrize("name", STATISTICS)
def test_what_is_written_is_read_as_it_was(name: str, tmp_path: Any) -> None:
    found, _ = make(name, given(), cells())
    (tmp_path / "table.csv").write_text(found.to_csv(index=False))
    again = gather([tmp_path / "table.csv"])
    for column in found:
        kinds = found[column].dtype.kind, again[column].dtype.kind
        assert kinds[0] == kinds[1] or ((kinds[0], kinds[1]) == ("i", "f") and column == "rank"), column
        pd.testing.assert_series_equal(again[column], found[column], check_dtype=False)


@pytest.mark.parametrize("name", [*OF_METRICS, "average_ranks"])
def test_flavours_of_other_conditions_never_meet(name: str) -> None:
    """Those of a study, and the same without two, are as they are alone."""
    tables, places = given(), cells()
    for cell in places:
        cell["conditions"] = "static bernoulli" if cell["flavour"] in ("iwae", "vae") else cell["conditions"]
    found, page = make(name, tables, places)
    held = "" if name == "effects" else "dynamic bernoulli, or "  # where there is no VAE
    assert f"Data convention and likelihood: {held}static bernoulli;" in page
    for conditions in ("dynamic bernoulli", "static bernoulli"):
        flavours = {cell["flavour"] for cell in places if cell["conditions"] == conditions}
        alone = {what: table[table["flavour"].isin(flavours)] for what, table in tables.items()}
        expected = make(name, alone, places)[0]
        pd.testing.assert_frame_equal(of(found, conditions=conditions), expected, check_dtype=False)


@pytest.mark.parametrize("name", ["interquartile_mean", "improvement", "profiles", "effects", "average_ranks"])
def test_a_metric_of_which_less_is_better_is_turned(name: str) -> None:
    """Of ssim and of its negative, called mse, all is the same but for differences in the metric's unit."""
    ours = make(name, {what: of(table, metric="ssim") for what, table in given().items()}, cells())[0]
    negative = tidy(-values(), "mse")
    theirs = make(name, {"metrics": negative, "summary": summarise(negative)}, cells())[0]
    drop = [column for column in ("metric", "difference") if column in ours]
    pd.testing.assert_frame_equal(ours.drop(columns=drop), theirs.drop(columns=drop))
    if "difference" in ours:
        assert (ours["difference"] == -theirs["difference"]).all()


def test_roles_of_cells() -> None:
    found = {cell["flavour"]: cell for cell in cells(latents=[2], datasets=["mnist"])}
    assert [name for name, cell in found.items() if cell["control"]] == ["copy"]
    assert [name for name, cell in found.items() if cell["reference"]] == ["vae"]
    assert {cell["conditions"] for cell in found.values()} == {"dynamic bernoulli"}
    gaussian = {"name": "gaussian", "settings": {}}
    [other] = {cell["conditions"] for cell in cells(likelihood=gaussian, convention="none")}
    assert other.startswith("none gaussian")


# Over runs


def test_scores_are_linear_from_the_median_flavour_to_the_best_whatever_the_block_is_like() -> None:
    drawn = values()
    stretched = drawn * np.array([[1, 3], [0.1, 7]])[..., None, None] + np.arange(4).reshape(2, 2, 1, 1)
    found, other = (interquartile_mean(study(tidy(of_))) for of_ in (drawn, stretched))
    pd.testing.assert_frame_equal(found, other)
    [runs] = _runs.runs(study(tidy(drawn)))
    scores, reason = runs.scores()
    assert reason == "" and runs.flavours == ["ae", "iwae", "vae", "vamp"]
    averages = scores.mean(2)
    assert np.median(averages, 1) == pytest.approx(0) and averages.max(1) == pytest.approx(1)


@pytest.mark.parametrize("count", [4, 8, 12, 40])
def test_the_interquartile_mean_is_the_trimmed_one(count: int) -> None:
    drawn = np.random.default_rng(count).normal(size=count)
    once = np.ones((1, count))
    assert middle(drawn, once)[0] == pytest.approx(stats.trim_mean(drawn, 0.25))
    twice = np.random.default_rng(1).multinomial(count, np.full(count, 1 / count), 50)
    expected = [stats.trim_mean(np.repeat(drawn, counts), 0.25) for counts in twice]
    assert middle(drawn, twice) == pytest.approx(expected)


def test_values_at_the_quarters_count_in_part() -> None:
    assert middle(np.arange(1.0, 7), np.ones((1, 6)))[0] == pytest.approx((0.5 * 2 + 3 + 4 + 0.5 * 5) / 3)
    assert middle(np.array([-np.inf, 1, 2, 3]), np.ones((1, 4)))[0] == 1.5


def test_interquartile_means_are_of_scores_and_count_runs() -> None:
    drawn = values()
    drawn[0, 1, 2] = np.nan  # a block of vamp
    drawn[:, :, 3] = np.nan  # ae
    found = interquartile_mean(study(tidy(drawn))).set_index("flavour")
    assert found.loc["ae", ["blocks", "runs", "reason"]].tolist() == [0, 0, "no run has a value"]
    assert found.loc["vamp", ["blocks", "runs"]].tolist() == [3, 9] and found.loc["vae", "runs"] == 12
    [runs] = _runs.runs(study(tidy(drawn)))
    scores = runs.scores()[0][:, runs.flavours.index("iwae")].ravel()
    assert found.loc["iwae", "score"] == pytest.approx(stats.trim_mean(scores, 0.25))
    assert (found["low"] < found["score"])[["iwae", "vae", "vamp"]].all() and (found["reason"] == "").sum() == 3


def test_a_block_of_more_seeds_counts_no_more_than_the_others() -> None:
    """Of runs that seeds do not change: how many of them a block has is no matter, but to counts and intervals."""
    once = np.repeat(values()[..., :1], 3, -1)
    more = np.concatenate([once, once], -1)
    more[1:, :, :, 3:] = more[:, 1:, :, 3:] = np.nan  # a block of six seeds, three of three
    tables = [study(tidy(each)) for each in (once, more)]
    for statistic, kept in (
        (interquartile_mean, ["flavour", "score"]),
        (profiles, ["flavour", "tau", "share"]),
        (improvement, ["role", "flavour", "against", "probability"]),
        (variance, ["component", "variance", "share"]),
    ):
        one, other = (statistic(table) for table in tables)
        pd.testing.assert_frame_equal(one[kept], other[kept])
        assert not one["runs"].equals(other["runs"])


def test_where_half_of_the_flavours_are_the_best_there_is_no_score() -> None:
    found = interquartile_mean(study(tidy(np.ones((2, 2, 5, 3)))))
    assert found["score"].isna().all()
    assert set(found["reason"]) == {"the best flavour is no better than the median one in any block"}
    assert profiles(study(tidy(np.ones((2, 2, 5, 3))))).empty


def test_two_seeds_have_no_interval() -> None:
    for statistic in (interquartile_mean, improvement):
        found = statistic(study(tidy(values((2, 2, 5, 2)))))
        assert found[["low", "high"]].isna().all(axis=None)
        assert set(found["reason"]) == {"no interval: fewer than 3 seeds in a block"}
    assert profiles(study(tidy(values((2, 2, 5, 2)))))[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize("law", ["normal", "exponential"])
@pytest.mark.parametrize(("blocks", "seeds"), [(1, 3), (4, 3), (4, 6), (8, 3)])
def test_intervals_of_an_interquartile_mean_hold_it_as_often_as_they_say(law: str, blocks: int, seeds: int) -> None:
    random = np.random.default_rng(blocks)
    draw = random.normal if law == "normal" else random.exponential
    centres = np.linspace(-1, 1, blocks)[:, None]
    truth = middle(many := (centres + draw(size=(blocks, 50_000))).ravel(), np.ones((1, len(many))))[0]
    sizes, trials, held = (seeds,) * blocks, 300, 0
    for _ in range(trials):
        drawn = (centres + draw(size=(blocks, seeds))).ravel()
        low, high = _runs.ends(
            middle(drawn, np.ones((1, len(drawn))))[0], middle(drawn, _runs.weights(sizes)[:500]), *sizes
        )
        held += low <= truth <= high
    assert 0.90 <= held / trials <= 0.985


@pytest.mark.slow
def test_intervals_of_an_improvement_hold_it_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    truth, trials, held = stats.norm.cdf(0.5 / 2**0.5), 400, 0
    for _ in range(trials):
        drawn = random.normal(size=(2, 2, 5, 4)) + np.array([0, 0.5, 0, 0, 0])[:, None]
        row = of(improvement(study(tidy(drawn))), role="reference", flavour="iwae").iloc[0]
        held += row["low"] <= truth <= row["high"]
    assert 0.92 <= held / trials <= 0.99


def test_the_probability_of_improvement_is_that_of_mann_and_whitney() -> None:
    drawn = values().round(0)  # with ties
    table = improvement(study(tidy(drawn)))
    order = [*FLAVOURS]
    for row in table.itertuples():
        one, other = (drawn[:, :, order.index(name)].reshape(4, 3) for name in (row.flavour, row.against))
        u = [stats.mannwhitneyu(a, b).statistic / 9 for a, b in zip(one, other, strict=True)]
        assert row.probability == pytest.approx(np.mean(u)) and (row.blocks, row.runs) == (4, 24)
        assert 0 <= row.low <= row.probability <= row.high <= 1
    assert set(of(table, role="reference")["against"]) == {"vae"}
    wins = {}
    for one in order[:-1]:
        others = [order.index(name) for name in order[:-1] if name != one]
        mine = drawn[:, :, order.index(one)].reshape(4, 3)
        wins[one] = np.mean(
            [
                stats.mannwhitneyu(mine[b], drawn[:, :, o].reshape(4, 3)[b]).statistic / 9
                for o in others
                for b in range(4)
            ]
        )
    assert set(of(table, role="best")["against"]) == {max(wins, key=lambda name: wins[name])}


def test_a_study_without_a_vae_has_no_improvement_on_it() -> None:
    places = cells(flavours=("iwae", "vamp", "ae"))
    table = judged(tidy(values((2, 2, 3, 3)), places=places), places)
    assert set(improvement(table)["role"]) == {"best"} and effects(table).empty


def test_profiles_are_shares_of_runs() -> None:
    table = profiles(study(tidy(values())))
    [runs] = _runs.runs(study(tidy(values())))
    scores, _ = runs.scores()
    for place, flavour in enumerate(runs.flavours):
        rows = of(table, flavour=flavour)
        assert rows["tau"].tolist() == THRESHOLDS.tolist()
        assert rows["share"].tolist() == [(scores[:, place] > tau).mean() for tau in THRESHOLDS]
        assert rows["share"].is_monotonic_decreasing
        assert ((rows["low"] <= rows["share"]) & (rows["share"] <= rows["high"])).all()


# Effects


def test_hedges_g_is_that_of_another_programme() -> None:
    ours, theirs = np.array([5.1, 4.8, 5.6, 5.0, 4.9]), np.array([4.2, 4.5, 4.1, 4.9, 4.4])
    [found] = hedges([(ours, theirs)]).itertuples()
    # statsmodels 0.15, effectsize_smd, whose correction 1 - 3 / (4 * 8 - 1) is that of many seeds
    assert found.d / _correction(8) == pytest.approx(1.91405496883475 / (1 - 3 / 31))
    t = stats.ttest_ind(ours, theirs).statistic
    assert found.d == pytest.approx(_correction(8) * t * 0.4**0.5)
    for end, tail in ((found.low, 0.025), (found.high, 0.975)):  # of effects at the ends, such a t is a tail's
        assert stats.nct.sf(t, 8, end / _correction(8) / 0.4**0.5) == pytest.approx(tail, abs=1e-6)


def test_intervals_of_an_effect_hold_it_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    found = hedges([(random.normal(1.5, 1, 4), random.normal(0, 1, 4)) for _ in range(2000)])
    assert found["d"].mean() == pytest.approx(1.5, abs=0.06)  # unbiased, where Cohen's d is 1.73
    corrected = _correction(6) * 1.5
    assert ((found["low"] <= corrected) & (corrected <= found["high"])).mean() == pytest.approx(0.95, abs=0.015)


def test_effects_of_any_size_have_intervals() -> None:
    """Around the t from which on the limit is taken they go on as before."""
    t = np.array([-1e9, -101, -99, -20, -1, 0, 1, 20, 99, 101, 1e5, 1e12])
    ends = [noncentrality(np.full(len(t), 4.0), p, t) for p in (0.975, 0.025)]
    assert (np.diff(ends, axis=1) > 0).all() and (ends[0] < t).all() and (t < ends[1]).all()
    ratios = np.array(ends)[:, 8:] / t[8:]
    assert np.ptp(ratios, 1) == pytest.approx(0, abs=0.01)
    assert ends[0] == pytest.approx(-noncentrality(np.full(len(t), 4.0), 0.025, -t))


def _correction(freedom: int) -> float:
    from scipy.special import gamma

    return float(gamma(freedom / 2) / gamma((freedom - 1) / 2) / (freedom / 2) ** 0.5)


def test_effects_are_of_each_flavour_and_the_vae_in_each_block() -> None:
    drawn = values()
    drawn[1, 1, 2, 0] = np.nan  # a seed of vamp
    table = effects(study(tidy(drawn)))
    assert len(table) == 12 and set(table["against"]) == {"vae"} and "copy" not in {*table["flavour"]}
    [row] = of(table, dataset="mnist", latent=16, flavour="vamp").itertuples()
    one, other = drawn[0, 1, 2], drawn[0, 1, 0]
    assert row.n == 3 and row.difference == pytest.approx(one.mean() - other.mean())
    assert row.delta == pytest.approx(2 * stats.mannwhitneyu(one, other).statistic / 9 - 1)
    pooled = ((one.var(ddof=1) + other.var(ddof=1)) / 2) ** 0.5
    assert row.d == pytest.approx(_correction(4) * row.difference / pooled)
    [row] = of(table, dataset="digits", latent=16, flavour="vamp").itertuples()
    assert (row.n, row.reason) == (2, "fewer than 3 seeds") and np.isnan(row.d) and np.isfinite(row.delta)
    equal = effects(study(tidy(np.broadcast_to(drawn[:, :, :, 1:2], drawn.shape))))
    assert equal["d"].isna().all() and set(equal["reason"]) == {"seeds do not vary"}


# Variance

ONE = [
    [[0.14, -0.16, 0.51, 1.5], [1.13, 0.82, 2.96, 5.07], [-3.43, -4.89, -6.15, -0.97]],
    [[2.96, 0.9, 3.2, 6.22], [6.1, 1.81, 3.75, 7.5], [0.48, -2.56, -1.55, 4.41]],
    [[1.38, -0.19, -1.67, 6.11], [2.62, 4.27, 3.8, 10.0], [-0.61, -2.48, -4.52, 1.78]],
]
OTHER = [
    [[0.35, -0.23, 0.52, 2.01], [1.2, 2.17, 3.06, 5.31], [-2.22, -5.32, -7.11, -0.56]],
    [[3.15, 1.0, 2.68, 6.62], [4.89, 0.76, 3.41, 6.8], [1.44, -3.37, -0.58, 5.8]],
    [[1.42, -0.97, -0.41, 5.87], [3.54, 4.07, 4.15, 9.47], [-1.98, -1.99, -5.05, 2.14]],
]
FITTED = {  # by restricted maximum likelihood: statsmodels 0.15, MixedLM with a variance component for each term
    "dataset": 1.72128,
    "latent": 8.00029,
    "flavour": 4.89984,
    "dataset:latent": 0.64256,
    "dataset:flavour": 0.69060,
    "latent:flavour": 0.24871,
    "dataset:latent:flavour": 0.85732,
    "seed": 0.26548,
}
CROSSED = {"flavours": FLAVOURS[:4], "latents": (2, 4, 8), "datasets": ("mnist", "digits", "shapes")}


def test_components_of_variance_are_those_of_another_programme() -> None:
    places = cells(**CROSSED)
    table = variance(judged(tidy(np.stack([ONE, OTHER], -1), places=places), places))
    assert table.set_index("component")["variance"].to_dict() == pytest.approx(FITTED, rel=2e-3)
    assert table["component"].tolist() == [*FITTED]
    assert table["share"].tolist() == pytest.approx([v / sum(FITTED.values()) for v in FITTED.values()], rel=2e-3)
    sizes = ["datasets", "architectures", "latents", "flavours", "runs"]
    assert table[sizes].drop_duplicates().to_numpy().tolist() == [[3, 1, 3, 4, 72]]


def test_factors_that_no_two_runs_tell_apart_have_a_reason_whatever_runs_weigh() -> None:
    """Where each dataset has a latent size of its own, and cells three to seven seeds."""
    drawn = values((2, 2, 5, 7))
    drawn[0, 1] = drawn[1, 0] = drawn[1, 1, :, 6] = drawn[0, 0, 1, 3:] = drawn[1, 1, 2, 5:] = np.nan
    table = variance(study(tidy(drawn)))
    assert set(table["reason"]) == {"too few runs to tell components apart"} and table["share"].isna().all()


def test_one_seed_leaves_the_last_interaction_and_seeds_as_one() -> None:
    places = cells(**CROSSED)
    table = variance(judged(tidy(np.array(ONE)[..., None], places=places), places))
    assert table["component"].tolist() == [*[*FITTED][:-2], "rest"]
    flavour = np.array(ONE).mean((0, 1))
    both = [np.array(ONE).mean(axis) for axis in (0, 1)]
    mean, dataset, latent = np.mean(ONE), np.mean(ONE, (1, 2)), np.mean(ONE, (0, 2))
    left = [both[0] - latent[:, None] - flavour + mean, both[1] - dataset[:, None] - flavour + mean]
    three = (
        np.array(ONE) - np.mean(ONE, 2, keepdims=True) - both[0] - both[1][:, None]
        + dataset[:, None, None] + latent[:, None] + flavour - mean
    )  # fmt: skip
    rest = np.square(three).sum() / 12
    squares = [9 * np.square(flavour - mean).sum() / 3, *(3 * np.square(each).sum() / 6 for each in left)]
    found = table.set_index("component")["variance"]
    assert found["rest"] == pytest.approx(rest)
    assert found["flavour"] == pytest.approx((squares[0] - squares[1] - squares[2] + rest) / 9)


def test_what_tells_no_components_apart_has_a_reason() -> None:
    one = tidy(np.ones((2, 2, 5, 3)))
    assert set(variance(study(one))["reason"]) == {"all runs have the same value"}
    alone = one[(one["flavour"] == "vae") & (one["latent"] == 2) & (one["dataset"] == "mnist") & (one["seed"] == 0)]
    table = variance(study(alone))
    assert set(table["reason"]) == {"too few runs to tell components apart"} and table["share"].isna().all()


# Ranks, correlations, fronts


def test_ranks_of_flavours_are_of_means_over_seeds() -> None:
    latents = (2, 3, 4)
    places = cells(latents=latents)
    drawn = values((2, 3, 5, 3))
    table = average_ranks(judged(summarise(tidy(drawn, places=places)), places)).set_index("flavour")
    averages = drawn.mean(-1).reshape(6, 5)[:, :4]
    ranks = stats.rankdata(-averages, axis=1).mean(0)
    assert table["average_rank"].to_dict() == pytest.approx(dict(zip(FLAVOURS, ranks, strict=False)))
    test = stats.friedmanchisquare(*averages.T)
    assert table["p"].tolist() == pytest.approx([test.pvalue] * 4) and set(table["blocks"]) == {6}
    assert (table["f_p"] == table["f_p_holm"]).all()  # of one metric
    expected = _ranking.ranking(averages)
    first, reference = FLAVOURS.index(table.index[0]), 0
    for flavour, row in table.iterrows():
        place = FLAVOURS.index(str(flavour))
        assert row["nemenyi_best"] == pytest.approx(expected.pairwise[first, place])
        assert row["conover_best"] == pytest.approx(expected.conover[first, place])
        assert row["conover_reference"] == pytest.approx(expected.conover[reference, place])
    assert np.isnan(table.loc["vae", "holm_reference"])
    for number, clique in enumerate(expected.cliques(), 1):
        assert {FLAVOURS[i] for i in clique} == {f for f, c in table["cliques"].items() if f"{number}" in c.split()}


def test_ranks_of_several_metrics_are_corrected_by_holm() -> None:
    places = cells(latents=(2, 3, 4))
    tables = [tidy(values((2, 3, 5, 3), of=n), m, places) for n, m in enumerate(("ssim", "ms_ssim", "psnr"))]
    table = average_ranks(judged(summarise(pd.concat(tables)), places)).drop_duplicates("metric")
    p = np.sort(table["f_p"])
    expected = np.minimum(np.maximum.accumulate(p * [3, 2, 1]), 1)
    assert np.sort(table["f_p_holm"]) == pytest.approx(expected)


def test_four_blocks_have_ranks_and_no_p() -> None:
    drawn = values()
    drawn[0, 0, 1] = np.nan  # a block of iwae
    table = average_ranks(means(tidy(drawn))).set_index("flavour")
    few = "4 blocks with 3 treatments: a test needs 5 with 3"
    assert table.loc[["vae", "vamp", "ae"], "reason"].tolist() == [few] * 3
    assert table.loc["iwae", "reason"] == "no value in 1 of 4 blocks" and np.isnan(table.loc["iwae", "average_rank"])
    assert table["average_rank"].sum() == 6 and table[["p", "f_p", "critical_difference"]].isna().all(axis=None)


def test_correlations_are_within_blocks() -> None:
    places = cells(flavours=(*FLAVOURS, "beta_vae", "svae"))
    one, other = values((2, 2, 7, 3)), values((2, 2, 7, 3), of=1)
    given = judged(summarise(pd.concat([tidy(one, "ssim", places), tidy(other, "mse", places)])), places)
    [row] = metric_correlation(given).itertuples()
    kept = [0, 1, 2, 3, 5, 6]
    each = [
        stats.spearmanr(one.mean(-1)[d, n][kept], -other.mean(-1)[d, n][kept]).statistic
        for d in range(2)
        for n in range(2)
    ]
    assert (row.correlation, row.least, row.most) == pytest.approx((np.mean(each), min(each), max(each)))
    assert (row.metric, row.other_metric, row.blocks, row.flavours) == ("ssim", "mse", 4, 6)


def test_four_flavours_have_no_correlation() -> None:
    [row] = metric_correlation(means(tidy(values()), tidy(values(of=1), "mse"))).itertuples()
    assert np.isnan(row.correlation) and row.reason == "fewer than 5 flavours have both" and row.flavours == 4


def test_seeds_agree_as_far_as_their_orders_correlate() -> None:
    """One run that is lost costs its flavour in the two couples of that seed; less is better of mse."""
    places = cells(flavours=(*FLAVOURS, "svae", "beta_vae"))
    found = values((2, 2, 7, 3))
    found[0, 0, 0, 1] = np.nan
    table = seed_agreement(judged(tidy(-found, "mse", places), places))
    assert len(table) == 4 and set(table["seeds"]) == {3}
    kept = [place for place, flavour in enumerate((*FLAVOURS, "svae", "beta_vae")) if flavour != "copy"]
    names = np.array((*FLAVOURS, "svae", "beta_vae"))[kept]
    row, block = of(table, dataset="mnist", latent=2).iloc[0], found[0, 0, kept]
    each = [
        stats.spearmanr(block[:, one], block[:, other], nan_policy="omit")[0] for one, other in ((0, 1), (0, 2), (1, 2))
    ]
    assert [row["correlation"], row["least"], row["most"]] == pytest.approx([np.mean(each), min(each), max(each)])
    assert row["flavours"] == 5 and set(of(table, dataset="digits")["flavours"]) == {6}
    found[0, 0, 1:3, 1] = np.nan  # three with the second seed: its couples do not count
    few = of(seed_agreement(judged(tidy(-found, "mse", places), places)), dataset="mnist", latent=2).iloc[0]
    assert few["flavours"] == 6 and few["correlation"] == pytest.approx(stats.spearmanr(block[:, 0], block[:, 2])[0])
    firsts = Counter(names[np.nanargmax(block, axis=0)])
    assert {name: int(count) for name, count in (entry.split(":") for entry in row["firsts"].split())} == firsts


def test_who_is_first_with_all_seeds_and_what_one_seed_cannot_say() -> None:
    places = cells(flavours=(*FLAVOURS, "svae", "beta_vae"))
    found = np.arange(7.0)[:, None] + np.zeros((2, 2, 7, 3))
    found[1, :, -2] = 6  # two are the best
    found[0, 1, :, 1:] = np.nan
    found[1, 1, :, 0] = 3
    table = seed_agreement(judged(tidy(found, places=places), places))
    assert table["firsts"].tolist().count("beta_vae:3") == 1 and "beta_vae:3 svae:3" in set(table["firsts"])
    alone = of(table, dataset="mnist", latent=16).iloc[0]
    assert (alone["firsts"], alone["flavours"], alone["seeds"]) == ("beta_vae:1", 6, 1)
    assert np.isnan(alone["correlation"]) and alone["reason"] == "fewer than 2 seeds have values"
    assert of(table, dataset="mnist", latent=2)["least"].item() == pytest.approx(1)
    [line] = [line for line in seed_markdown(table).splitlines() if line.startswith("| SSIM")]
    assert line.endswith("| 1 of 3 | 3 | 6 | 3 |")
    [line] = [line for line in seed_markdown(of(table, dataset="mnist")).splitlines() if line.startswith("| SSIM")]
    assert line == "| SSIM ↑ | 1.00 | 1.00 (MNIST, MLP, latent size 2) | — | 1 of 1 | 1 | 6 | 3 |"
    few = seed_agreement(judged(tidy(values()), cells()))
    assert set(few["reason"]) == {"no two seeds have 5 flavours"}


def test_the_front_is_what_none_dominates() -> None:
    random = np.random.default_rng(0)
    places = cells(flavours=catalogue.names("flavours"))
    count = len(catalogue.names("flavours"))
    quality = random.integers(0, 12, (2, 2, count, 1)).astype(float)  # with ties
    seconds = random.integers(1, 12, (2, 2, count, 1)).astype(float)
    compute = tidy(seconds, "wall_seconds", places)
    table = pareto(judged(summarise(tidy(quality, "mse", places)), places), compute)
    assert not {"copy", "mean"} & {*table["flavour"]} and len(table) == 4 * (count - 2)
    for _, rows in table.groupby(["dataset", "latent"]):
        points = rows[["value", "seconds"]].to_numpy()
        for row, point in zip(rows.itertuples(), points, strict=True):
            dominating = ((points <= point).all(1)) & (points < point).any(1)
            assert row.front == int(not dominating.any())
            if not row.front:
                [by] = rows[rows["flavour"] == row.dominated_by].itertuples()
                assert by.front and by.seconds <= row.seconds and by.value <= row.value


def test_runs_that_diverged_cost_nothing() -> None:
    seconds = np.arange(60.0).reshape(2, 2, 5, 3) + 1
    lost = np.zeros_like(seconds)
    lost[0, 0, 1, 2] = 1
    compute = pd.concat([tidy(seconds, "wall_seconds"), tidy(lost, "diverged")])
    table = pareto(means(tidy(values())), compute)
    [row] = of(table, dataset="mnist", latent=2, flavour="iwae").itertuples()
    assert row.seconds == seconds[0, 0, 1, :2].mean()


# The best


def held(table: Table, against: str, **more: Any) -> Table:
    """Differences of a summary's rows from a flavour's, 0.5 to each side."""
    base = table[table["flavour"] == against].set_index(["dataset", "latent", "metric"])["mean"]
    keys = pd.MultiIndex.from_frame(table[["dataset", "latent", "metric"]])
    differences = table["mean"].to_numpy() - base.reindex(keys).to_numpy()
    facts = {"role": "best", "against": against, "images": 100, "mean": differences, "reason": ""}
    return table.assign(**facts, low=differences - 0.5, high=differences + 0.5, **more)[DIFFERENCES]


def test_the_best_is_first_and_the_others_are_told_from_it_or_not() -> None:
    exact = np.broadcast_to(np.array([3.0, 2.8, 1, np.nan, 9])[:, None], (2, 2, 5, 3))
    summary = summarise(tidy(exact))
    rows = summary[~summary["flavour"].isin(["copy", "ae"])]
    table = best(judged(summary, cells()), held(rows, "vae"))
    block = of(table, dataset="mnist", latent=2)
    assert block["flavour"].tolist() == ["vae", "iwae", "vamp", "ae", "copy"]
    assert block["standing"].tolist() == ["best", "tied", "worse", "missing", "control"]
    assert block["rank"].tolist()[:3] == [1, 2, 3] and block["rank"].isna().tolist()[3:] == [True, True]
    assert block["difference"].tolist()[:3] == pytest.approx([0, -0.2, -2])
    assert block.loc[3, "reason"] == "it has none" and block.loc[4, "mean"] == 9
    assert verdict(block) == "VAE has the best mean, told from 1 of the 2 others at 95 %; not from IWAE."


def test_without_paired_differences_nothing_is_told() -> None:
    table = best(means(tidy(-values(), "mse")), pd.DataFrame(columns=DIFFERENCES))
    assert set(table["standing"]) == {"best", "untold", "control"}
    block = of(table, dataset="digits", latent=16)
    assert block["mean"].tolist()[:4] == sorted(block["mean"].tolist()[:4])  # less is better
    assert block["difference"].tolist()[1] == pytest.approx(block["mean"][1] - block["mean"][0])
    assert verdict(block).endswith("whether it is the best is not known: no paired differences are given.")


def test_the_verdict_on_one_that_is_told_from_all_and_on_none() -> None:
    exact = np.broadcast_to(np.array([3.0, 2, 1, 0, 9])[:, None], (2, 2, 5, 3))
    summary = summarise(tidy(exact))
    table = best(judged(summary, cells()), held(summary[summary["flavour"] != "copy"], "vae"))
    assert verdict(of(table, dataset="mnist", latent=2)) == "VAE is the best, told from all 3 others at 95 %."
    assert verdict(table[table["standing"] == "control"]) == "No flavour has a value."
    assert verdict(of(table, dataset="mnist", latent=2)[:1]) == "VAE is the only flavour with a value."


@pytest.mark.parametrize("name", STATISTICS)
def test_pages_have_a_row_for_each_number(name: str) -> None:
    places = cells(flavours=(*FLAVOURS, "svae", "beta_vae"))
    ssim, mse = (tidy(values((2, 2, 7, 3), of=n), metric, places) for n, metric in enumerate(("ssim", "mse")))
    summary = summarise(pd.concat([ssim, mse]))
    seconds = tidy(np.abs(values((2, 2, 7, 3))), "wall_seconds", places)
    tables = {"metrics": pd.concat([ssim, mse]), "summary": summary, "compute": seconds}
    tables["differences"] = held(summary[summary["flavour"] != "copy"], "vae")
    _, page = make(name, tables, places)
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {len(rows[0])}
    numbers = [row for row in rows[2:] if {"SSIM ↑", "MSE ↓"} & {cell.strip("| ") for cell in row}]
    assert len(numbers) == len(rows) - 2 == 2 * {"best": 4, "pareto": 4, "improvement": 2}.get(name, 1)
