"""Figures: what is drawn equals the tables, looks are stable, files are equal byte for byte."""

from __future__ import annotations

import inspect
import itertools
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline

from vaebench.errors import VaebenchError
from vaebench.report import concordance, statistic
from vaebench.report.figures import facts, style, tiles
from vaebench.report.figures.draw import draw
from vaebench.report.figures.gallery.latent_scatter import latent_scatter
from vaebench.report.figures.gallery.reconstructions import reconstructions
from vaebench.report.figures.gallery.samples import samples
from vaebench.report.figures.gallery.traversals import traversals
from vaebench.report.figures.generation.sampler_sheets import sampler_sheets
from vaebench.report.figures.history.training_curves import training_curves
from vaebench.report.figures.sampling.frechet_by_sampler import frechet_by_sampler
from vaebench.report.figures.summary.kl_spectra import kl_spectra
from vaebench.report.figures.summary.metric_by_latent import metric_by_latent
from vaebench.report.figures.summary.rate_distortion import rate_distortion
from vaebench.report.figures.summary.scores import scores
from vaebench.report.figures.told import Told
from vaebench.report.summary import summarise
from vaebench.report.tables.columns import heading
from vaebench.study import catalogue
from vaebench.study.tidy import CELL
from vaebench.study.tidy import METRICS as COLUMNS

FAMILIES = {"vae": "gaussian", "beta_vae": "gaussian", "ae": "deterministic", "copy": "controls"}
FLAVOURS = tuple(FAMILIES)
LATENTS = (2, 8, 32)
METRICS = ("elbo", "nll", "rate", "distortion", "active_units", "mse", "psnr", "ssim")
by_latent = sys.modules[metric_by_latent.__module__]
LOOKS = style.palette(FAMILIES)


def metrics(datasets=("mnist",), architectures=("mlp",), latents=LATENTS) -> pd.DataFrame:
    """Values that tell every cell and seed apart; AE and copy have no rate."""
    rows = []
    facets = itertools.product(datasets, architectures, FLAVOURS, latents, range(3))
    for (dataset, architecture, flavour, latent, seed), metric in itertools.product(facets, METRICS):
        missing = flavour in ("ae", "copy") and metric in ("elbo", "nll", "rate")
        value = 10 * METRICS.index(metric) + 3 * FLAVOURS.index(flavour) + np.log2(latent) + 0.1 * seed**2
        facts = (dataset, architecture, flavour, latent, seed, "", metric)
        rows.append((*facts, np.nan if missing else value, np.nan, "it has no prior" if missing else ""))
    return pd.DataFrame(rows, columns=COLUMNS)


def gaussian(flavours) -> style.Palette:
    """Looks of flavours of one family."""
    return style.palette(dict.fromkeys(flavours, "gaussian"))


def history(datasets=("mnist",), latents=LATENTS) -> pd.DataFrame:
    rows = [
        (dataset, "mlp", flavour, latent, seed, epoch, split, term, 100 / epoch + seed + len(split) + (term == "rate"))
        for dataset, flavour, latent, seed, epoch, split, term in itertools.product(
            datasets, FLAVOURS[:3], latents, range(3), range(1, 7), ("train", "validation"), ("distortion", "rate")
        )
    ]
    columns = ["dataset", "architecture", "flavour", "latent", "seed", "epoch", "split", "term", "value"]
    return pd.DataFrame(rows, columns=columns)


def costs(diverged: Mapping[str, set[int]]) -> pd.DataFrame:
    """How the runs of `history` ended, of latent size 2, with those seeds of a flavour that diverged."""
    rows = [
        ("mnist", "mlp", flavour, 2, seed, "", "diverged", float(seed in diverged.get(flavour, ())), np.nan, "")
        for flavour in FLAVOURS
        for seed in range(3)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def galleries(latent: int, channels: int = 1) -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    images = random.random((8, channels, 6, 6), dtype=np.float32)
    made = {
        flavour: {
            "reason": np.array(""),
            "originals": images,
            "reconstructions": images / (2 + i),
            "samples": images[::-1],
            "samples_prior": images[::-1],
            "samples_gaussian_mixture": images,
            "traversals": random.random((latent, 3, channels, 6, 6), dtype=np.float32),
            "latent_means": random.normal(size=(50, latent)).astype(np.float32) * np.arange(latent, 0, -1),
            "labels": np.arange(50) % 10,
        }
        for i, flavour in enumerate(FLAVOURS)
    }
    del made["ae"]["samples"], made["copy"]["samples"], made["copy"]["latent_means"]
    del made["ae"]["samples_prior"], made["copy"]["samples_prior"], made["copy"]["samples_gaussian_mixture"]
    del made["copy"]["traversals"]
    return made


def lines(axes: Axes) -> dict[str, np.ndarray]:
    """Data of the labelled lines of a panel."""
    return {
        str(line.get_label()): line.get_xydata() for line in axes.lines if not str(line.get_label()).startswith("_")
    }


def note(figure: Figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_scores_are_the_means_in_the_rows_of_their_flavours() -> None:
    figure = scores(summarise(metrics()), LOOKS)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [LOOKS[flavour].name for flavour in FLAVOURS]
    summary = summarise(metrics()).set_index(["metric", "latent", "flavour"])["mean"]
    rows = {height: flavour for flavour, height in style.places(FLAVOURS, LOOKS).items()}
    for axes, metric in zip(figure.axes, ("elbo", "nll", "rate", "mse", "ssim"), strict=True):
        for line in axes.lines:
            [[value, row]] = line.get_xydata()
            flavour = rows[min(rows, key=lambda height, row=row: abs(height - row))]
            latent = int(line.get_label().split()[1])
            assert value == pytest.approx(summary[metric, latent, flavour])
            assert to_rgb(line.get_color()) == to_rgb(LOOKS[flavour].colour)
        assert len(axes.lines) == len(LATENTS) * (2 if metric in ("elbo", "nll", "rate") else 4)


def far(metric: str, factor: float) -> tuple[pd.DataFrame, style.Palette]:
    """A summary of a metric, of which one flavour's values are far from the others'."""
    flavours = [f"vae_{place}" for place in range(1, 9)]
    values = metrics().query("flavour == 'vae' and metric == @metric")
    rows = [
        values.assign(flavour=flavour, value=values["value"] * (1 + place / 10))
        for place, flavour in enumerate(flavours)
    ]
    rows.append(values.assign(flavour="beta_vae", value=values["value"] * factor))
    return summarise(pd.concat(rows)), style.palette(dict.fromkeys([*flavours, "beta_vae"], "gaussian"))


def test_a_mean_far_beyond_the_axis_of_scores_is_an_arrow_at_its_edge() -> None:
    summary, looks = far("mse", 100)
    figure = scores(summary, looks)
    axes, names = figure.axes[3], [label.get_text() for label in figure.axes[0].get_yticklabels()]
    arrows = [line for line in axes.lines if line.get_marker() in "<>"]
    assert [line.get_marker() for line in arrows] == [">"] * len(LATENTS)
    row = names.index(looks["beta_vae"].name)  # of one family, so that rows are at whole heights
    for line in arrows:
        assert line.get_xdata().tolist() == [axes.get_xlim()[1]]
        assert round(line.get_ydata()[0]) == row


@pytest.mark.parametrize("figured", [scores, metric_by_latent])
def test_the_best_is_never_beyond_an_axis(figured) -> None:
    """Although it is as far from the others as one that failed would be."""
    summary, looks = far("nll", -100)
    figure = figured(summary, looks)
    limits = [axes.get_xlim() if figured is scores else axes.get_ylim() for axes in figure.axes]
    least = summary["mean"].min()
    assert sum(low < least < high for low, high in limits) == 1


def test_looks_are_unique_and_do_not_depend_on_controls():
    flavours = [f"flavour_{i}" for i in range(66)]
    families = {"copy": "controls", **dict.fromkeys(flavours, "gaussian"), "average": "controls"}
    looks = style.palette(families)
    assert len({(looks[f].marker, looks[f].dashes) for f in flavours}) == 66
    assert {looks[f].colour for f in flavours} == {style.COLOURS[0]}
    assert {f: looks[f] for f in flavours} == gaussian(flavours)
    assert (looks["copy"].colour, looks["average"].colour) == ("#000000", "#808080")
    assert (looks["copy"].name, looks["average"].name) == ("copy (control)", "average (control)")
    assert looks["copy"].dashes
    assert list(looks) == ["copy", *flavours, "average"]


@pytest.mark.parametrize("colours", [style.COLOURS, (*style.CLASSES, "0.85")])  # classes are on light grey
def test_colours_stay_apart_for_the_colour_blind(colours):
    # Machado, Oliveira & Fernandes 2009: full protanopia, deuteranopia and tritanopia on linear RGB.
    sights = np.array([
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ])  # fmt: skip
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for sight in sights:
        xyz = np.clip(linear @ sight.T, 0, 1) @ to_xyz.T / [0.9505, 1, 1.089]
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
        distances = np.linalg.norm(lab[:, None] - lab, axis=-1)[np.triu_indices(len(colours), 1)]
        assert distances.min() > 16


def test_a_family_has_one_colour_of_its_own_in_every_study():
    families = [family for family in catalogue.groups("flavours") if family != "controls"]
    colours = style.family_colours()
    assert list(colours) == families and len({*colours.values()}) == min(len(families), len(style.COLOURS))
    for family in families:
        assert style.palette({"a": family, "b": "gaussian"})["a"].colour == colours[family]
    assert [handle.get_label() for handle in style.family_handles(FLAVOURS, LOOKS)] == [
        "Gaussian posterior and prior",
        "Deterministic codes",
    ]


def test_ink_is_dark_enough_to_read():
    for colour in (*style.COLOURS, *style.CONTROL_COLOURS):
        rgb = np.array(style.ink(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5
    assert style.ink("#332288") == to_rgb("#332288")


def test_rows_are_half_a_row_apart_between_families():
    assert style.places(FLAVOURS, LOOKS) == {"vae": 0.0, "beta_vae": 1.0, "ae": 2.5, "copy": 4.0}


def test_class_colours_do_not_depend_on_the_classes_present():
    some, every = style.class_colours(np.array([7, 3])), style.class_colours(np.arange(10))
    assert some == {label: every[label] for label in (3, 7)}
    assert len(set(style.class_colours(np.arange(26)).values())) == 26


def test_a_flavour_without_a_look_is_refused():
    with pytest.raises(VaebenchError, match="no colour for iwae"):
        style.ordered(["vae", "iwae"], LOOKS)


def test_absences_are_grouped():
    records = [("copy", "ELBO", "no prior"), ("ae", "ELBO", "no prior"), ("ae", "NLL", "no prior")]
    records += [("copy", "NLL", "no prior"), ("vae", "", "diverged"), ("vae", "", "diverged")]
    assert style.absences(records, LOOKS) == (
        "Not shown: AE, copy (control) in ELBO, NLL — no prior; VAE — diverged."
    )  # fmt: skip
    assert style.absences([], LOOKS) == ""


@pytest.mark.parametrize("suffix", [".pdf", ".png"])
def test_saved_bytes_are_equal(tmp_path, suffix):
    paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
    for path in paths:
        style.save(rate_distortion(summarise(metrics()), LOOKS), [path])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths


def test_saving_refuses_other_formats_and_leaves_nothing(tmp_path):
    with pytest.raises(VaebenchError, match=r"\.pdf or \.png"):
        style.save(Figure(), [tmp_path / "figure.svg"])
    assert not list(tmp_path.iterdir())


def test_metric_by_latent_has_a_row_per_family_with_the_others_behind():
    summary = summarise(metrics(("digits", "mnist")))
    figure = metric_by_latent(summary, LOOKS)
    grid = np.array(figure.axes).reshape(2, 2, len(by_latent.METRICS))  # datasets, families, metrics
    for (place, dataset), (row, own) in itertools.product(
        enumerate(("digits", "mnist")), enumerate([["vae", "beta_vae"], ["ae"]])
    ):
        for axes, metric in zip(grid[place, row], by_latent.METRICS, strict=True):
            chosen = summary[(summary["metric"] == metric) & (summary["dataset"] == dataset) & (summary["n"] > 0)]
            drawn = lines(axes)
            assert set(drawn) == set(chosen["flavour"]) & {*own, "copy"}
            for flavour, points in drawn.items():
                np.testing.assert_array_equal(points, chosen[chosen["flavour"] == flavour][["latent", "mean"]])
            bands = {drawn.get_label(): drawn for drawn in axes.collections}
            behind = [segment for group in bands.values() if isinstance(group, LineCollection)
                      for segment in group.get_segments()]  # fmt: skip
            others = [flavour for flavour in FLAVOURS[:3] if flavour not in own and flavour in set(chosen["flavour"])]
            for flavour, segment in zip(sorted(others), behind, strict=True):
                np.testing.assert_array_equal(segment, chosen[chosen["flavour"] == flavour][["latent", "mean"]])
            assert axes.get_xticks().tolist() == list(LATENTS)
        names = [text.get_text() for text in grid[place, row, -1].get_legend().get_texts()]
        assert names == [LOOKS[flavour].name for flavour in own]
    titles = [axes.get_title() for axes in grid[1, 0]]
    assert titles == [f"MNIST\n{heading(metric)}" for metric in by_latent.METRICS]
    assert legend(figure) == ["copy (control)", "flavours of the other families"]
    assert note(figure) == "Not shown: AE, copy (control) in NLL, rate — it has no prior."
    assert by_latent.finding(summary, LOOKS).startswith("From 2 to 32 latents the median flavour goes in NLL (nats) ↓ ")


def test_bands_are_the_intervals():
    summary = summarise(metrics())
    axes = metric_by_latent(summary, LOOKS).axes[by_latent.METRICS.index("ssim")]
    rows = summary.query("flavour == 'vae' and metric == 'ssim'")
    bands = [band.get_datalim(axes.transData) for band in axes.collections if isinstance(band, PolyCollection)]
    ends = [(band.y0, band.y1) for band in bands]
    assert any(np.allclose(end, (rows["low"].min(), rows["high"].max()), rtol=1e-12) for end in ends)


def test_metric_by_latent_of_one_size_sets_flavours_of_a_family_side_by_side():
    figure = metric_by_latent(summarise(metrics(latents=(8,))), LOOKS)
    axes = figure.axes[by_latent.METRICS.index("ssim")]
    drawn = lines(axes)
    assert drawn["vae"][0, 0] < drawn["beta_vae"][0, 0]
    summary = summarise(metrics(latents=(8,))).query("metric == 'ssim'").set_index("flavour")
    bars = [bar.get_segments()[0][:, 1].tolist() for bar in axes.collections if len(bar.get_segments())]
    for flavour in ("vae", "beta_vae"):
        assert summary.loc[flavour, ["low", "high"]].tolist() in bars


def test_a_metric_that_nobody_has_leaves_its_panels_empty():
    table = metrics()
    table.loc[table["metric"] == "ssim", ["value", "reason"]] = [np.nan, "images are too small"]
    figure = metric_by_latent(summarise(table), LOOKS)
    axes = figure.axes[by_latent.METRICS.index("ssim")]
    assert not lines(axes) and axes.get_yticks().tolist() == []
    assert "in SSIM — images are too small" in note(figure)


def test_a_curve_beyond_its_axes_is_told():
    table = metrics(("digits", "mnist"))
    table = table[(table["flavour"] != "ae") | (table["latent"] == 2)]
    table.loc[
        (table["flavour"] == "ae") & (table["metric"] == "distortion") & (table["dataset"] == "mnist"), "value"
    ] = 1e5
    figure = metric_by_latent(summarise(table), LOOKS)
    assert "; AE in distortion (nats) of MNIST — beyond the axes." in note(figure)
    assert note(figure).count("beyond") == 1


def test_infinite_and_absent_values_are_noted():
    table = metrics()
    table.loc[(table["metric"] == "ssim") & (table["flavour"] == "copy"), "value"] = np.inf
    table = table[(table["metric"] != "distortion") | (table["flavour"] != "vae")]
    text = note(metric_by_latent(summarise(table), LOOKS))
    assert "copy (control) in SSIM — infinite" in text
    assert "VAE in distortion — not measured" in text


def trained(**weights: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Histories of two terms whose weights in training are given, and the metrics that they end at: 100 and 10 nats."""
    facts = itertools.product(("vae", "beta_vae", "ae"), range(3), range(1, 11), ("distortion", "rate"))
    table = pd.DataFrame(facts, columns=["flavour", "seed", "epoch", "term"])
    table = table[(table["flavour"] != "ae") | (table["term"] != "rate")]
    ends = table["term"].map({"distortion": 100.0, "rate": 10.0}) * table["flavour"].map(weights).fillna(1)
    value = ends + 50 * (10 - table["epoch"]) + table["seed"] - 1
    history = table.assign(dataset="mnist", architecture="mlp", latent=2, split="validation", value=value, kept=10.0)
    rows = [
        ("mnist", "mlp", flavour, 2, "", metric, mean, "")
        for flavour in ("vae", "beta_vae")
        for metric, mean in (("distortion", 100.0), ("rate", 10.0))
    ]
    rows.append(("mnist", "mlp", "ae", 2, "", "distortion", 100.0, ""))
    columns = ["dataset", "architecture", "flavour", "latent", "part", "metric", "mean", "reason"]
    return history, pd.DataFrame(rows, columns=columns)


def test_training_curves_draw_mean_and_range_of_comparable_terms():
    history, summary = trained()
    figure = training_curves(history, summary, LOOKS)
    grid = np.array(figure.axes).reshape(2, 3)  # families, terms
    assert [axes.get_title() for axes in grid[0]] == ["distortion (nats)", "rate (nats)", "bound (nats)"]
    epochs = np.arange(1, 11)
    for axes, end, sloped in zip(grid[0], (100, 10, 110), (50, 50, 100), strict=True):
        for flavour in ("vae", "beta_vae"):
            expected = np.stack([epochs, end + sloped * (10 - epochs)], axis=1)
            np.testing.assert_allclose(lines(axes)[flavour], expected)
    assert set(lines(grid[1, 0])) == {"ae"} and not lines(grid[1, 1]) and not lines(grid[1, 2])
    band = next(band for band in grid[0, 0].collections if isinstance(band, PolyCollection))
    limits = band.get_datalim(grid[0, 0].transData)
    np.testing.assert_allclose([limits.y0, limits.y1], [99, 100 + 450 + 1])
    assert note(figure) == (
        "Not shown: copy (control) — no training history; AE in rate — what it trains has no rate; AE in bound — "
        "what it trains has no bound."
    )


def test_a_weighted_term_is_not_drawn_beside_others():
    history, summary = trained(beta_vae=4.0)
    history.loc[history["term"] == "distortion", "value"] = 100.0
    figure = training_curves(history, summary, LOOKS)
    assert [set(lines(axes)) for axes in figure.axes[:3]] == [{"vae", "beta_vae"}, {"vae"}, {"vae"}]
    assert "β-VAE in rate, bound — what it trains is weighted, or another quantity" in note(figure)
    summary.loc[(summary["flavour"] == "vae") & (summary["metric"] == "distortion"), ["mean", "reason"]] = [
        np.nan,
        "another likelihood",
    ]
    assert "VAE in distortion, bound — another likelihood" in note(training_curves(history, summary, LOOKS))


def test_what_training_curves_say_are_the_last_bounds():
    history, summary = trained()
    module = sys.modules[training_curves.__module__]
    assert module.finding(history, summary, LOOKS) == (
        "At the last epoch the bound is 110.0 nats (β-VAE) to 110.0 (β-VAE); over the last fifth of the epochs it "
        "still fell by more than 0.5 nats for 2 of 2 flavours."
    )


def test_training_curves_ignore_values_that_are_no_numbers_and_may_be_empty():
    history, summary = trained()
    history.loc[history["flavour"] == "vae", "value"] = np.nan
    assert set(lines(training_curves(history, summary, LOOKS).axes[0])) == {"beta_vae"}
    figure = training_curves(history[:0], summary, LOOKS)
    assert figure.axes[0].texts[0].get_text().replace("\n", " ") == "no flavour has a training history"
    assert note(figure).endswith("— no training history.")


def test_spectra_are_drawn_by_rank_above_a_floor():
    rows = [
        ("mnist", "mlp", flavour, latent, seed, "", f"kl_per_dimension_{rank}", value / rank**4, np.nan, "")
        for flavour, value in (("vae", 2.0), ("beta_vae", 0.02))
        for latent in (2, 10)
        for seed in range(3)
        for rank in range(1, latent + 1)
    ]
    rows.append(("mnist", "mlp", "ae", 2, 0, "", "kl_per_dimension", np.nan, np.nan, "no posterior"))
    summary = summarise(pd.DataFrame(rows, columns=COLUMNS))
    figure = kl_spectra(summary, LOOKS)
    assert [axes.get_title() for axes in figure.axes] == ["MNIST\nKL (nats), 2 latents", "MNIST\nKL (nats), 10 latents"]
    drawn = lines(figure.axes[1])
    ranks = np.arange(1, 11)
    np.testing.assert_allclose(drawn["vae"], np.stack([ranks, np.maximum(2 / ranks**4, 1e-3)], axis=1))
    assert drawn["beta_vae"][-1, 1] == 1e-3
    assert note(figure) == "Not shown: AE — no posterior."
    assert sys.modules[kl_spectra.__module__].finding(summary, LOOKS) == (
        "Of 10 latents, on average over datasets and architectures β-VAE uses the fewest (1) and VAE the most (3); "
        "0 of 2 flavours use all."
    )


def test_rate_distortion_draws_all_and_each_family():
    table = metrics(("digits", "mnist"), ("conv", "mlp"))
    table.loc[table["flavour"] == "ae", ["value", "reason"]] = [20.0, ""]
    table.loc[table["flavour"] == "ae", "value"] += table["latent"] + 0.1 * table["seed"]
    figure = rate_distortion(summarise(table), LOOKS)
    own = ["Gaussian posterior and prior", "Deterministic codes"]
    facets = ["Digits · Conv", "Digits · MLP", "MNIST · Conv", "MNIST · MLP"]
    titles = [title for facet in facets for title in (facet, *own)]
    assert [axes.get_title() for axes in figure.axes] == titles
    summary = summarise(table).query("dataset == 'mnist' and architecture == 'mlp'")
    every, gaussian, _ = figure.axes[-3:]
    drawn = lines(gaussian)
    assert set(drawn) == {"vae", "beta_vae"}
    for flavour, points in drawn.items():
        for i, metric in enumerate(("rate", "distortion")):
            rows = summary[(summary["flavour"] == flavour) & (summary["metric"] == metric)]
            np.testing.assert_array_equal(points[:, i], rows["mean"])
    row = summary.query("flavour == 'vae' and metric == 'rate' and latent == 2").iloc[0]
    segments = [segment for bars in gaussian.collections for segment in bars.get_segments()]
    assert any(len(segment) == 2 and np.allclose(segment[:, 0], [row["low"], row["high"]]) for segment in segments)
    points = {(line.get_label(), *line.get_xydata()[0].tolist()) for line in every.lines if line.get_marker() != "None"}
    wide = summary.pivot_table(index=["flavour", "latent"], columns="metric", values="mean")[["rate", "distortion"]]
    assert points == {
        (flavour, *place)
        for (flavour, _), place in zip(wide.dropna().index, wide.dropna().to_numpy().tolist(), strict=True)
    }
    named = {text.get_text() for text in every.texts if "ELBO" not in text.get_text()}
    assert named == {*own}
    assert {text.get_text() for text in gaussian.texts} == {"VAE", "β-VAE"}
    assert note(figure) == "Not shown: copy (control) — it has no prior."


def test_a_family_beyond_the_axes_is_told_and_does_not_flatten_the_others():
    table = metrics()
    table = table[(table["flavour"] != "ae") | (table["latent"] == 2)]
    table.loc[(table["flavour"] == "ae") & (table["metric"] == "rate"), ["value", "reason"]] = [20.0, ""]
    table.loc[(table["flavour"] == "ae") & (table["metric"] == "distortion"), ["value", "reason"]] = [1e5, ""]
    figure = rate_distortion(summarise(table), LOOKS)
    every, gaussian, deterministic = figure.axes
    assert every.get_ylim()[1] < 1e4
    assert [text.get_text() for text in deterministic.texts] == ["beyond the axes"]
    assert "beyond the axes" not in {text.get_text() for text in gaussian.texts}
    assert "AE — beyond the axes" in note(figure) and "β-VAE" not in note(figure)
    both = pd.concat([table, metrics(("digits",)).query("flavour != 'ae'")])
    assert "AE in MNIST — beyond the axes" in note(rate_distortion(summarise(both), LOOKS))


def test_names_stand_beside_intervals():
    """Of one flavour with wide ones, whose name has all the plane to stand in."""
    table = metrics().query("flavour == 'vae' and latent == 2")
    axes = rate_distortion(summarise(table), LOOKS).axes[0]
    [name] = [text for text in axes.texts if text.get_text() == "VAE"]
    box = name.get_window_extent()
    segments = [segment for bars in axes.collections for segment in bars.get_segments()]
    assert {np.ptp(axes.transData.transform(segment), axis=0).max() > box.width for segment in segments} == {True}
    assert not any(Outline(axes.transData.transform(segment)).intersects_bbox(box) for segment in segments)


def test_iso_elbo_lines_are_where_the_sum_is_constant():
    axes = rate_distortion(summarise(metrics()), LOOKS).axes[0]
    levels = [float(text.get_text().split()[1]) for text in axes.texts if "ELBO" in text.get_text()]
    assert len(levels) > 1
    for text, level in zip([text for text in axes.texts if "ELBO" in text.get_text()], levels, strict=True):
        assert sum(text.xy) == pytest.approx(level)


def test_a_hull_holds_all_points_and_has_no_needless_corner():
    from scipy.spatial import ConvexHull

    hull = sys.modules[rate_distortion.__module__]._hull
    points = np.random.default_rng(0).normal(size=(30, 2))
    assert {*map(tuple, hull(points))} == {*map(tuple, points[ConvexHull(points).vertices])}
    assert hull(points[:2]).shape == (2, 2) and len(hull(np.zeros((5, 2)))) <= 2
    assert len(hull(np.array([[0.0, 0], [1, 1], [2, 2], [3, 3]]))) == 2


def test_the_least_sum_is_told():
    summary = summarise(metrics())
    told = sys.modules[rate_distortion.__module__].finding(summary, LOOKS)
    rows = summary.query("flavour == 'vae' and latent == 2").set_index("metric")["mean"]
    rate, distortion = rows["rate"], rows["distortion"]
    assert (
        told == f"The least sum has VAE with 2 latents ({rate:.1f} + {distortion:.1f} = {rate + distortion:.1f} nats)."
    )


def test_rate_distortion_without_points_says_so():
    summary = summarise(metrics().query("metric == 'mse'"))
    figure = rate_distortion(summary, LOOKS)
    assert figure.axes[0].texts[0].get_text().startswith("no flavour has both")
    assert note(figure).endswith("— no value.")
    figure = scores(summary.assign(mean=np.nan), LOOKS)
    assert figure.axes[0].texts[0].get_text() == "no flavour has a score"


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstructions_show_the_images(channels):
    made = galleries(2, channels)
    figure = reconstructions(made, LOOKS)
    assert [axes.get_ylabel() for axes in figure.axes] == ["originals", *(LOOKS[f].name for f in FLAVOURS)]
    sheet = figure.axes[2].images[0].get_array()
    expected = np.moveaxis(made["beta_vae"]["reconstructions"][1], 0, -1)
    np.testing.assert_allclose(sheet[:, 7:13], np.broadcast_to(expected, (6, 6, 3)))


def test_many_flavours_are_in_columns_that_each_show_the_originals():
    made = galleries(2)["vae"]
    names = [f"vae_{i}" for i in range(25)]
    figure = reconstructions(dict.fromkeys(names, made), gaussian(names))
    grid = sorted(figure.axes, key=lambda axes: axes.get_subplotspec().colspan.start)
    labels = [look.name for look in gaussian(names).values()]
    assert [axes.get_ylabel() for axes in grid] == ["originals", *labels[:13], "originals", *labels[13:]]


def test_samples_show_the_images_and_name_those_without():
    made = galleries(2)
    figure = samples(made, style.palette(FAMILIES | {"iwae": "bounds"}))
    assert [axes.get_title() for axes in figure.axes] == ["VAE", "β-VAE"]
    sheet = figure.axes[0].images[0].get_array()
    assert sheet.shape == (13, 27, 3)
    np.testing.assert_allclose(sheet[7:, 21:, 0], made["vae"]["samples"][7, 0])
    assert note(figure) == "Not shown: AE, copy (control) — no prior to draw from; IWAE — no run."
    none = samples({"ae": made["ae"]}, gaussian(["ae"]))
    assert none.axes[0].texts[0].get_text() == "no flavour has samples"
    assert note(none) == "Not shown: AE — no prior to draw from."


def test_sampler_sheets_have_a_column_per_sampler_and_a_dash_where_one_does_not_apply():
    made = galleries(2)
    figure = sampler_sheets(made, style.palette(FAMILIES | {"iwae": "bounds"}))
    assert [axes.get_title() for axes in figure.axes[:2]] == ["gaussian mixture", "prior"]
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == ["VAE", "β-VAE", "AE"]
    sheet = figure.axes[1].images[0].get_array()
    assert sheet.shape == (6, 6 * 7 - 1, 3)
    np.testing.assert_allclose(sheet[:, :6, 0], made["vae"]["samples_prior"][0, 0])
    assert not figure.axes[5].images and figure.axes[5].texts[0].get_text() == "—"
    assert note(figure) == "Not shown: copy (control) — no sampler applies; IWAE — no run."


def test_sampler_sheets_of_many_samplers_have_a_strip_for_each_that_applies():
    made = galleries(2)
    images = made["vae"]["samples_prior"]
    for number in range(4):
        made["vae"][f"samples_more{number}"] = images
    figure = sampler_sheets(made, LOOKS)
    titles = [axes.get_title() for axes in figure.axes]
    own = [f"VAE · {name}" for name in ("gaussian mixture", "more0", "more1", "more2", "more3", "prior")]
    assert [title for title in titles if title.startswith("VAE")] == own
    for axes in figure.axes:
        assert len(axes.images) == 1
    width, height = figure.get_size_inches()
    assert width < 12 and height < 12


def test_sampler_sheets_of_many_flavours_are_in_blocks():
    names = [f"vae_{i}" for i in range(41)]
    figure = sampler_sheets(dict.fromkeys(names, galleries(2)["vae"]), gaussian(names))
    labels = [look.name for look in gaussian(names).values()]
    first = [axes.get_ylabel() for axes in figure.axes if axes.get_subplotspec().colspan.start == 0]
    second = [axes.get_ylabel() for axes in figure.axes if axes.get_subplotspec().colspan.start == 2]
    assert (first, second) == (labels[:21], labels[21:])
    assert [axes.get_title() for axes in figure.axes[:4]] == ["gaussian mixture", "prior"] * 2
    width, height = figure.get_size_inches()
    assert height < 12 and width < 14


def test_distances_by_sampler_are_those_of_the_summary():
    values = {("vae", "prior"): 3.0, ("vae", "gaussian_mixture"): 2.0, ("ae", "gaussian_mixture"): -0.1}
    rows = [
        ("mnist", "mlp", flavour, latent, 0, sampler, "frechet_distance", latent * value, np.nan, "")
        for (flavour, sampler), value in values.items()
        for latent in (2, 16)
    ]
    figure = frechet_by_sampler(summarise(pd.DataFrame(rows, columns=COLUMNS)), style.palette(FAMILIES))
    assert [axes.get_title() for axes in figure.axes] == ["MNIST · latent 2", "MNIST · latent 16"]
    assert legend(figure) == ["gaussian mixture", "prior"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["VAE", "AE"]
    found = lines(figure.axes[0])
    assert found["Prior"].tolist() == [[6.0, 0.0]]
    left = figure.axes[0].get_xlim()[0]
    assert found["Gaussian-Mixture"].tolist() == [[left, 1.5], [4.0, 0.0]] and 0 < left < 4
    none = frechet_by_sampler(summarise(metrics()), style.palette(FAMILIES))
    assert none.axes[0].texts[0].get_text() == "no sampler has a distance"


def test_traversals_have_a_row_per_coordinate():
    made = galleries(2)
    figure = traversals(made, style.palette(FAMILIES))
    assert [axes.get_title() for axes in figure.axes] == ["VAE", "β-VAE", "AE"]
    sheet = figure.axes[0].images[0].get_array()
    assert sheet.shape == (13, 20, 3)
    np.testing.assert_allclose(sheet[7:, 14:, 0], made["vae"]["traversals"][1, 2, 0])
    assert note(figure) == "Not shown: copy (control) — no coordinates to move along."


def test_latent_scatter_of_two_latents_shows_them():
    made = galleries(2)
    figure = latent_scatter(made, LOOKS)
    assert [axes.get_title() for axes in figure.axes] == ["VAE", "β-VAE", "AE"]
    points = figure.axes[1].collections[0]
    np.testing.assert_allclose(points.get_offsets(), made["beta_vae"]["latent_means"])
    colours = style.class_colours(np.arange(10))
    np.testing.assert_allclose(points.get_facecolors()[:, :3], [colours[i % 10] for i in range(50)])
    assert legend(figure) == [str(i) for i in range(10)]
    assert note(figure) == "Not shown: copy (control) — no latents."


def test_classes_have_the_names_that_the_data_give_them():
    made = {flavour: arrays | {"classes": np.array(list("abcdefghij"))} for flavour, arrays in galleries(2).items()}
    assert legend(latent_scatter(made, LOOKS)) == list("abcdefghij")
    odd = {flavour: arrays | {"classes": np.array([r"$\frac$", "a\nb"])} for flavour, arrays in galleries(2).items()}
    figure = latent_scatter(odd, LOOKS)
    figure.canvas.draw()
    assert {r"\$\frac\$", r"a\nb", "2", "9"} <= {*legend(figure)}
    assert style.class_names(galleries(2)["vae"]) == style.class_names({"classes": np.array((), str)}) == {}


def test_latent_scatter_of_many_latents_shows_principal_components():
    from sklearn.decomposition import PCA

    made = galleries(5)
    axes = latent_scatter(made, LOOKS).axes[0]
    pca = PCA(2)
    expected = pca.fit_transform(made["vae"]["latent_means"].astype(float))
    points = np.asarray(axes.collections[0].get_offsets())
    np.testing.assert_allclose(np.abs(points), np.abs(expected), atol=1e-5)
    assert axes.get_xlabel() == f"PC 1 ({pca.explained_variance_ratio_[0]:.0%})"


def test_latent_scatter_of_one_latent_counts_images_per_class():
    axes = latent_scatter(galleries(1), LOOKS).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("latent", "images")
    assert len(axes.lines) == 10


@pytest.mark.parametrize("latent", [1, 2, 4])
def test_collapsed_and_broken_latents(latent, tmp_path):
    made = galleries(latent)
    made["vae"]["latent_means"] = np.zeros((50, latent), np.float32)
    made["ae"]["latent_means"] = np.full((50, latent), np.nan, np.float32)
    figure = latent_scatter(made, LOOKS)
    style.save(figure, [tmp_path / "latents.png"])
    assert "AE — latents are not finite" in note(figure)


def test_tiles():
    images = np.stack([np.full((1, 4, 4), value) for value in (0.0, 0.5, np.nan)])
    sheet = tiles.tile(images, 2)
    assert sheet.shape == (9, 9, 3)
    assert (sheet[:4, :4] == 0).all()
    assert (sheet[:4, 5:] == 0.5).all()
    assert (sheet[5:, :4] == 0.5).all()
    assert (sheet[5:, 5:] == 1).all()
    assert [tiles.columns(n) for n in (1, 4, 7, 8, 10, 64)] == [1, 2, 3, 4, 5, 8]


def test_thirty_flavours_and_one_fit_on_the_canvas():
    for count in (1, 30):
        table = metrics().query("flavour == 'vae'")
        flavours = [f"flavour_{i}" for i in range(count)]
        table = pd.concat([table.assign(flavour=flavour) for flavour in flavours])
        figure = rate_distortion(summarise(table), gaussian(flavours))
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert all(axes.get_tightbbox().y1 <= box.y0 for axes in figure.axes)
        assert all(axes.bbox.height > 50 for axes in figure.axes)


LOST = "the run diverged in its first epoch"


@pytest.mark.parametrize("name", catalogue.names("figures", "gallery"))
def test_a_run_without_pictures_is_named_even_if_it_is_the_first(name):
    made = galleries(2) | {"vae": {"reason": np.array(LOST)}}
    figure = catalogue.load("figures", name)(made, LOOKS)
    assert f"VAE — {LOST}" in note(figure)
    assert "β-VAE" in [axes.get_title() or axes.get_ylabel() for axes in figure.axes]
    every = catalogue.load("figures", name)({flavour: {"reason": np.array(LOST)} for flavour in FLAVOURS}, LOOKS)
    assert every.axes[0].texts[0].get_text().startswith("no flavour has")
    assert note(every) == f"Not shown: VAE, β-VAE, AE, copy (control) — {LOST}."


# The registry


def statistics(name: str) -> pd.DataFrame:
    """A statistic of a small study."""
    summary = summarise(metrics())
    cells = [
        dict(zip(CELL, cell, strict=True))
        | {"conditions": "dynamic bernoulli", "control": cell[2] == "copy", "reference": cell[2] == "vae"}
        for cell in summary[CELL].drop_duplicates().itertuples(index=False)
    ]
    differences = pd.DataFrame(
        columns=[*CELL, "part", "metric", "role", "against", "images", "mean", "low", "high", "reason"]
    )
    spent = metrics().query("metric == 'mse'").assign(metric="wall_seconds", reason="")
    given = {"metrics": metrics(), "summary": summary, "differences": differences, "compute": spent}
    return statistic.make(name, given, cells)[0]


def results(folder: Path, name: str) -> dict[str, list[Path]]:
    """Files of a small study, of what a figure says that it is given, and of nothing else."""
    inputs = facts(name)["INPUTS"]
    made = {"summary": summarise(metrics()), "history": history(latents=(2,)), "compute": costs({})}
    if "history" in inputs:  # whose terms at the last epoch are the metrics
        last = made["history"].query("epoch == 6 and split == 'validation'").rename(columns={"term": "metric"})
        made["summary"] = summarise(last.assign(part="", error=np.nan, reason="")[COLUMNS])
    images = {"gallery": galleries(2), "geometry": geometries()}
    if "agreement" in inputs:
        rows = list(itertools.product(FLAVOURS[:2], range(2), concordance.DISTANCES, range(9)))
        distances = pd.DataFrame(rows, columns=["flavour", "seed", "distance", "pair"])
        values = np.random.default_rng(0).random(len(distances))
        made["distances"] = distances.assign(dataset="mnist", architecture="mlp", latent=2, value=values, reason="")
        made["agreement"] = concordance.agree(made["distances"])
    made |= {what: statistics(what) for what in inputs if what in catalogue.names("statistics")}
    paths: dict[str, list[Path]] = {}
    for what in inputs:
        if what in made:
            paths[what] = [folder / f"{what}.csv"]
            made[what].to_csv(paths[what][0], index=False)
        else:
            paths[what] = [folder / f"{what}-{flavour}.npz" for flavour in images[what]]
            for path, arrays in zip(paths[what], images[what].values(), strict=True):
                np.savez_compressed(path, **arrays)
    return paths


def geometries() -> dict[str, dict[str, np.ndarray]]:
    return {flavour: {"reason": np.array(LOST)} for flavour in FLAVOURS[:2]}


@pytest.mark.parametrize("name", catalogue.names("figures"))
def test_every_figure_states_its_inputs_and_is_drawn_from_them_alone(name, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    assert facts(name)["SCOPE"] in ("study", "block")
    paths = results(tmp_path, name)
    flavours = FLAVOURS[: max(map(len, paths.values()))]
    block = ["mnist", "mlp", 2] if facts(name)["SCOPE"] == "block" else None
    figure = draw(name, paths, FAMILIES, flavours, block)
    assert isinstance(figure, Figure) and figure.get_figwidth() in (style.ONE, style.TWO)
    assert catalogue.caption("figures", name).endswith(".")
    parameters = list(inspect.signature(catalogue.load("figures", name)).parameters)
    given = len(paths) - ("history" in paths)  # costs tell which histories are drawn
    assert len(parameters) == given + 1 and parameters[-1] == "palette"
    assert dict(matplotlib.rcParams) == before
    for module in [m for name, m in sys.modules.items() if name.startswith("vaebench.report.figures.")]:
        assert module.__doc__.partition("\n\n")[0].rstrip().endswith(".")


def test_histories_of_runs_that_diverged_enter_no_mean(tmp_path):
    paths = results(tmp_path, "training_curves")
    costs({"vae": {1, 2}, "ae": {0, 1, 2}}).to_csv(paths["compute"][0], index=False)
    figure = draw("training_curves", paths, FAMILIES, (), ["mnist", "mlp", 2])
    own = history(latents=(2,)).query(
        "flavour == 'vae' and seed == 0 and split == 'validation' and term == 'distortion'"
    )
    assert lines(figure.axes[0])["vae"][:, 1].tolist() == own["value"].tolist()
    assert "AE, copy (control) — no training history" in note(figure)


def test_of_a_block_its_rows_alone_are_drawn(tmp_path):
    paths = results(tmp_path, "training_curves")
    history().to_csv(paths["history"][0], index=False)
    with pytest.raises(VaebenchError, match="no colour"):
        draw("training_curves", paths, {"ae": "deterministic"}, (), ["mnist", "mlp", 2])
    figure = draw("training_curves", paths, FAMILIES, (), ["mnist", "mlp", 32])
    assert figure.axes[0].texts[0].get_text().replace("\n", " ") == "no flavour has a training history"


def test_what_a_figure_shows_goes_with_its_files(tmp_path):
    paths = results(tmp_path, "scores")
    figure = draw("scores", paths, FAMILIES)
    style.save(figure, [tmp_path / "scores.png", tmp_path / "scores.pdf"])
    told = str(Told(tmp_path / "scores.png"))
    assert told == figure.get_label() and "ELBO (nats) ↑ VAE (" in told.replace("β-", "")
    (tmp_path / "scores.png").write_bytes(b"nothing")
    with pytest.raises(VaebenchError, match=r"scores.png: cannot be read as a figure"):
        str(Told(tmp_path / "scores.png"))


def test_unreadable_arrays_are_told_in_one_line(tmp_path):
    (tmp_path / "gallery.npz").write_bytes(b"no archive")
    with pytest.raises(VaebenchError, match=r"gallery.npz: cannot be read as arrays"):
        draw("samples", {"gallery": [tmp_path / "gallery.npz"]}, FAMILIES, ["vae"])


def test_importing_the_package_is_light():
    code = "import sys, vaebench.report.figures; print({'matplotlib', 'pandas', 'torch', 'seaborn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_window_holds_what_is_not_far_out():
    means = np.array([10.0, 11.0, 12.0, 13.0, 14.0, 500.0])
    low, high = style.window(means, [9.0, -900.0], [15.0])
    assert (low, high) == pytest.approx((9 - 0.36, 15 + 0.36))
    low, high = style.window(means, best=[1.0])
    assert (low, high) == pytest.approx((1 - 0.78, 14 + 0.78))
    assert style.window([2.0, 2.0, 7.0]) == pytest.approx((2 - 0.3, 7 + 0.3))
