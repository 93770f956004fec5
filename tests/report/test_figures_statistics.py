"""Figures of statistics: what is drawn equals the tables, and so does what they say."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from vaebench.report.figures import style
from vaebench.report.figures.statistics import _numbers
from vaebench.report.figures.statistics.critical_difference import critical_difference
from vaebench.report.figures.statistics.difference_from_best import difference_from_best
from vaebench.report.figures.statistics.metric_correlations import metric_correlations
from vaebench.report.figures.statistics.performance_profiles import performance_profiles
from vaebench.report.figures.statistics.quality_and_cost import quality_and_cost
from vaebench.report.figures.statistics.rank_map import SHADES, rank_map

FAMILIES = {"vae": "gaussian", "beta_vae": "gaussian", "iwae": "bounds", "ae": "deterministic", "copy": "controls"}
FLAVOURS = tuple(FAMILIES)[:4]
LOOKS = style.palette(FAMILIES)
MOST = {"conditions": "dynamic bernoulli"}


def finding(figure, table: pd.DataFrame) -> str:
    return sys.modules[figure.__module__].finding(table, LOOKS)


def note(figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


def ranks(reason: str = "") -> pd.DataFrame:
    """Of NLL: iwae, vae, ae in that order, vae in two cliques; of SSIM the other way round; beta_vae is not ranked."""
    rows = [
        ("", metric, flavour, rank, cliques, "")
        for metric, order in (("nll", ("iwae", "vae", "ae")), ("ssim", ("ae", "vae", "iwae")))
        for flavour, rank, cliques in zip(order, (1.25, 1.75, 3.0), ("1", "1 2", "2"), strict=True)
    ]
    rows += [("", metric, "beta_vae", np.nan, "", "no value in 1 of 6 blocks") for metric in ("nll", "ssim")]
    table = pd.DataFrame(rows, columns=["part", "metric", "flavour", "average_rank", "cliques", "reason"])
    if reason:
        table.loc[table["average_rank"].notna(), ["cliques", "reason"]] = ["", reason]
    other = table.assign(conditions="none gaussian", average_rank=1.0)[:2]
    return pd.concat([table.assign(**MOST), other]).assign(blocks=6, flavours=3)


def test_numbers_are_of_one_sampler_and_of_no_foreign_data():
    facts = [("", "ssim"), ("gaussian_mixture", "frechet_distance"), ("prior", "frechet_distance"), ("", "nll")]
    facts += [("fashion_mnist", "auroc_elbo"), ("gaussian_mixture", "density")]
    table = pd.DataFrame(facts, columns=["part", "metric"])
    assert _numbers.numbers(table) == [
        ("", "nll"),
        ("", "ssim"),
        ("gaussian_mixture", "density"),
        ("prior", "frechet_distance"),
    ]
    assert _numbers.headlines(table) == [("", "nll"), ("", "ssim"), ("prior", "frechet_distance")]
    assert _numbers.headlines(table[table["metric"] == "density"]) == [("gaussian_mixture", "density")]
    assert _numbers.short(("gaussian_mixture", "density")) == "density (gaussian mixture)"


def test_critical_differences_are_the_average_ranks_and_bars_join_the_cliques():
    table = ranks()
    figure = critical_difference(table, LOOKS)
    assert [axes.get_title(loc="right") for axes in figure.axes] == ["NLL (nats) ↓", "SSIM ↑"]
    for axes, order in zip(figure.axes, (["iwae", "vae", "ae"], ["ae", "vae", "iwae"]), strict=True):
        assert [label.get_text() for label in axes.get_yticklabels()] == [LOOKS[flavour].name for flavour in order]
        dots = {line.get_label(): tuple(line.get_xydata()[0]) for line in axes.lines if line.get_label() != "clique"}
        assert dots == {
            flavour: (rank, place) for place, (flavour, rank) in enumerate(zip(order, (1.25, 1.75, 3), strict=True))
        }
        bars = [line.get_ydata().tolist() for line in axes.lines if line.get_label() == "clique"]
        assert bars == [[-0.3, 1.3], [0.7, 2.3]]
    assert note(figure) == ""
    assert finding(critical_difference, table) == (
        "The first average rank has in NLL (nats) ↓ IWAE (1.25; not told from 1 of 2 others), in SSIM ↑ AE (1.25; not "
        "told from 1 of 2 others)."
    )


def test_ranks_of_too_few_blocks_have_no_bars_and_say_so():
    table = ranks("4 blocks with 3 treatments")
    figure = critical_difference(table, LOOKS)
    assert not [line for axes in figure.axes for line in axes.lines if line.get_label() == "clique"]
    assert note(figure) == "No test of NLL, SSIM (4 blocks with 3 treatments)."
    assert "IWAE (1.25; untested)" in finding(critical_difference, table)
    none = critical_difference(table.assign(average_rank=np.nan), LOOKS)
    assert none.axes[0].texts[0].get_text() == "no flavour is ranked"


def test_a_rank_is_a_shade_in_the_row_of_its_flavour_and_the_column_of_its_metric():
    axes, _ = rank_map(ranks(), LOOKS).axes
    heights = style.places(["vae", "iwae", "ae"], LOOKS)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["NLL", "SSIM"]
    found = {
        (round(box.x0 + 0.5), box.y0 + 0.5): tuple(shade.get_facecolor()[0])
        for shade in axes.collections
        for box in [shade.get_datalim(axes.transData)]
    }
    shares = {"iwae": (0.125, 1.0), "vae": (0.375, 0.375), "ae": (1.0, 0.125)}
    assert found == {
        (column, heights[flavour]): pytest.approx(SHADES(share))
        for flavour, both in shares.items()
        for column, share in enumerate(both)
    }
    assert finding(rank_map, ranks()) == (
        "The median over metrics of the share of flavours that are better is least with VAE (38%), AE (56%), "
        "IWAE (56%)."
    )


def test_profiles_are_drawn_by_family():
    facts = itertools.product(FLAVOURS, np.linspace(-1, 1, 17))
    table = pd.DataFrame(facts, columns=["flavour", "tau"]).assign(**MOST, part="", metric="ssim")
    share = np.where(table["tau"] <= table["flavour"].map(FLAVOURS.index) * 0.25, 1.0, 0.25)
    table = table.assign(share=share, low=share - 0.1, high=share)
    figure = performance_profiles(table, LOOKS)
    assert [axes.get_title() for axes in figure.axes] == ["SSIM ↑", "", ""]
    for axes, own in zip(figure.axes, (["vae", "beta_vae"], ["iwae"], ["ae"]), strict=True):
        drawn = {line.get_label(): line.get_xydata() for line in axes.lines}
        assert set(drawn) == set(own)
        for flavour, points in drawn.items():
            np.testing.assert_array_equal(points, table[table["flavour"] == flavour][["tau", "share"]])
    assert finding(performance_profiles, table) == (
        "Better than the median flavour in every run are, in SSIM ↑ 4 of 4 flavours."
    )
    assert finding(performance_profiles, table.assign(share=0.5)).endswith("SSIM ↑ 0 of 4 flavours.")


def test_correlations_are_the_lower_triangle_in_the_order_of_the_metrics():
    rows = [("nll", "ssim", 0.5, 9), ("mse", "ssim", -0.25, 9), ("mse", "nll", 0.75, 4)]
    table = pd.DataFrame(rows, columns=["metric", "other_metric", "correlation", "flavours"])
    table = table.assign(**MOST, part="", other_part="")
    axes = metric_correlations(table, LOOKS).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["NLL", "MSE"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["MSE", "SSIM"]
    image = axes.images[1].get_array().filled(np.nan)
    np.testing.assert_array_equal(image, [[np.nan, np.nan], [0.5, -0.25]])  # of 4 flavours there is none
    grey = axes.images[0].get_array().filled(np.nan)
    np.testing.assert_array_equal(grey, [[0, np.nan], [np.nan, np.nan]])
    assert finding(metric_correlations, table) == (
        "Of 2 couples of metrics 50% agree (ρ > 0); MSE and SSIM oppose each other most (ρ = -0.25)."
    )


def test_the_front_is_named_and_joined():
    rows = [("vae", 10.0, 100.0, 1), ("iwae", 40.0, 95.0, 1), ("ae", 20.0, 101.0, 0), ("beta_vae", 50.0, 99.0, 0)]
    table = pd.DataFrame(rows, columns=["flavour", "seconds", "value", "front"])
    table = table.assign(**MOST, dataset="mnist", architecture="mlp", latent=2, part="", metric="nll")
    [axes] = quality_and_cost(table, LOOKS).axes
    points = {line.get_label(): line for line in axes.lines if line.get_label() in FLAVOURS}
    assert {flavour: tuple(line.get_xydata()[0]) for flavour, line in points.items()} == {
        flavour: (seconds, value) for flavour, seconds, value, _ in rows
    }
    assert to_rgb(points["vae"].get_markerfacecolor()) == to_rgb(LOOKS["vae"].colour)
    assert to_rgb(points["ae"].get_markerfacecolor()) == style.tint(LOOKS["ae"].colour, 0.25)
    [front] = [line for line in axes.lines if line.get_label() == "front"]
    np.testing.assert_array_equal(front.get_xydata(), [[10, 100], [40, 95]])
    assert {text.get_text() for text in axes.texts} == {"VAE", "IWAE"}
    assert axes.get_xscale() == "log"
    assert finding(quality_and_cost, table) == "Most often on the front: NLL (nats) ↓ VAE, IWAE (1 of 1)."


def test_the_best_of_a_front_is_shown_and_what_is_only_cheap_need_not_be():
    values = {"ae": (5.0, 900.0), "vae": (10.0, 100.0), "beta_vae": (20.0, 101.0), "svae": (25.0, 102.0),
              "iwae": (30.0, 99.0), "vamp": (40.0, 60.0)}  # fmt: skip
    table = pd.DataFrame([(name, *pair) for name, pair in values.items()], columns=["flavour", "seconds", "value"])
    table["front"] = table["flavour"].isin(["ae", "vae", "iwae", "vamp"]).astype(int)
    table = table.assign(**MOST, dataset="mnist", architecture="mlp", latent=2, part="", metric="nll")
    figure = quality_and_cost(table, style.palette(dict.fromkeys(values, "gaussian")))
    low, high = figure.axes[0].get_ylim()
    assert low < 60 and 102 < high < 110
    told = figure.get_supxlabel().replace("\n", " ")
    assert told == "Not shown: AE in NLL · MNIST · latent size 2 — beyond the axes."


def test_differences_are_from_the_best_with_their_intervals():
    rows = [
        ("vae", 1.0, -0.5, 2.5, "tied", 101.0),
        ("beta_vae", 5.0, 4.0, 6.0, "worse", 105.0),
        ("iwae", 0.0, 0.0, 0.0, "best", 100.0),
        ("ae", 3.0, np.nan, np.nan, "untold", 103.0),
        ("copy", np.nan, np.nan, np.nan, "control", 90.0),
    ]
    table = pd.DataFrame(rows, columns=["flavour", "difference", "low", "high", "standing", "mean"])
    table = table.assign(**MOST, part="", metric="nll")
    figure = difference_from_best(table, LOOKS)
    [axes] = figure.axes
    heights = style.places(FLAVOURS, LOOKS)
    points = {line.get_label(): line for line in axes.lines if line.get_label() in FAMILIES}
    assert {flavour: tuple(line.get_xydata()[0]) for flavour, line in points.items()} == {
        flavour: (difference, heights[flavour]) for flavour, difference, *_ in rows[:4]
    }
    assert not any(line.get_clip_on() for line in points.values())  # whole, also at the edge
    bars = [segment for bars in axes.collections for segment in bars.get_segments()]
    assert [segment[:, 0].tolist() for segment in bars] == [[-0.5, 2.5], [4, 6], [0, 0]]
    faces = {flavour: to_rgb(line.get_markerfacecolor()) for flavour, line in points.items()}
    assert faces["beta_vae"] == (1, 1, 1) and faces["iwae"] == pytest.approx(to_rgb(LOOKS["iwae"].colour))
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(names) == ["best", "no interval", "not told from the best", "told from the best"]
    assert finding(difference_from_best, table) == "The best means: NLL (nats) ↓ IWAE (100, told from 1 of 3)."
