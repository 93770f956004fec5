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
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from vaebench.errors import VaebenchError
from vaebench.report import concordance
from vaebench.report.figures import style, tiles
from vaebench.report.figures.draw import draw
from vaebench.report.figures.gallery.latent_scatter import latent_scatter
from vaebench.report.figures.gallery.reconstructions import reconstructions
from vaebench.report.figures.gallery.samples import samples
from vaebench.report.figures.gallery.traversals import traversals
from vaebench.report.figures.generation.sampler_sheets import sampler_sheets
from vaebench.report.figures.history.training_curves import training_curves
from vaebench.report.figures.sampling.frechet_by_sampler import frechet_by_sampler
from vaebench.report.figures.summary.metric_by_latent import METRICS, metric_by_latent
from vaebench.report.figures.summary.rate_distortion import rate_distortion
from vaebench.report.figures.summary.scores import scores
from vaebench.report.summary import summarise
from vaebench.report.tables.columns import heading
from vaebench.study import catalogue
from vaebench.study.tidy import METRICS as COLUMNS

FAMILIES = {"vae": "gaussian", "beta_vae": "gaussian", "ae": "deterministic", "copy": "controls"}
FLAVOURS = tuple(FAMILIES)
LATENTS = (2, 8, 32)
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
            datasets, FLAVOURS[:3], latents, range(3), range(1, 7), ("train", "validation"), ("total", "rate")
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
    for axes, metric in zip(figure.axes, ("elbo", "nll", "rate", "mse", "ssim"), strict=True):
        for line, latent in zip(axes.lines, LATENTS, strict=True):
            x, y = line.get_data()
            for value, row in zip(x, y, strict=True):
                assert value == pytest.approx(summary[metric, latent, FLAVOURS[round(row)]])
        assert len(axes.lines[0].get_xdata()) == (2 if metric in ("elbo", "nll", "rate") else 4)


def test_a_mean_far_beyond_the_axis_of_scores_is_an_arrow_at_its_edge() -> None:
    flavours = [f"vae_{place}" for place in range(1, 9)]
    values = metrics().query("flavour == 'vae' and metric == 'mse'")
    rows = [
        values.assign(flavour=flavour, value=values["value"] * (1 + place / 10))
        for place, flavour in enumerate(flavours)
    ]
    rows.append(values.assign(flavour="beta_vae", value=values["value"] * 100))
    looks = style.palette(dict.fromkeys([*flavours, "beta_vae"], "gaussian"))
    figure = scores(summarise(pd.concat(rows)), looks)
    axes, names = figure.axes[3], [label.get_text() for label in figure.axes[0].get_yticklabels()]
    arrows = [line for line in axes.lines if line.get_marker() in "<>"]
    assert [line.get_marker() for line in arrows] == [">"] * len(LATENTS)
    row = names.index(looks["beta_vae"].name)
    for line in arrows:
        assert line.get_xdata().tolist() == [axes.get_xlim()[1]]
        assert round(line.get_ydata()[0]) == row


def test_looks_are_unique_and_do_not_depend_on_controls():
    flavours = [f"flavour_{i}" for i in range(64)]
    families = {"copy": "controls", **dict.fromkeys(flavours, "gaussian"), "average": "controls"}
    looks = style.palette(families)
    assert len({(looks[f].colour, looks[f].marker) for f in flavours}) == 64
    assert len({(looks[f].colour, looks[f].dashes) for f in flavours[:32]}) == 32
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


def test_metric_by_latent_draws_the_summary():
    table = metrics(("digits", "mnist"))
    figure = metric_by_latent(summarise(table), LOOKS)
    summary = summarise(table)
    assert len(figure.axes) == len(METRICS) * 2
    for axes, (metric, dataset) in zip(figure.axes, itertools.product(METRICS, ("digits", "mnist")), strict=True):
        chosen = summary[(summary["metric"] == metric) & (summary["dataset"] == dataset) & (summary["n"] > 0)]
        drawn = lines(axes)
        assert set(drawn) == set(chosen["flavour"])
        assert axes.get_ylabel() == heading(metric)
        bands = [band.get_datalim(axes.transData) for band in axes.collections]
        for flavour, rows in chosen.groupby("flavour"):
            np.testing.assert_array_equal(drawn[flavour], rows[["latent", "mean"]])
            band = bands[list(drawn).index(flavour)]
            np.testing.assert_allclose([band.y0, band.y1], [rows["low"].min(), rows["high"].max()], rtol=1e-12)
        assert axes.get_xticks().tolist() == list(LATENTS)
    assert legend(figure) == ["VAE", "β-VAE", "AE", "copy (control)"]
    assert note(figure) == "Not shown: AE, copy (control) in ELBO, NLL, rate — it has no prior."


def test_metric_by_latent_of_one_size_sets_flavours_side_by_side():
    figure = metric_by_latent(summarise(metrics(latents=(8,))), LOOKS)
    x = [points[0, 0] for points in lines(figure.axes[METRICS.index("mse")]).values()]
    assert np.all(np.diff(x) > 0)
    assert np.prod(x) == pytest.approx(8.0 ** len(x))
    bars = figure.axes[METRICS.index("mse")].collections
    summary = summarise(metrics(latents=(8,))).query("metric == 'mse'").set_index("flavour")
    for flavour, bar in zip(FLAVOURS, bars, strict=True):
        np.testing.assert_array_equal(bar.get_segments()[0][:, 1], summary.loc[flavour, ["low", "high"]].astype(float))


def test_a_metric_that_nobody_has_says_so():
    table = metrics()
    table.loc[table["metric"] == "ssim", ["value", "reason"]] = [np.nan, "images are too small"]
    figure = metric_by_latent(summarise(table), LOOKS)
    axes = figure.axes[METRICS.index("ssim")]
    assert not axes.lines
    assert axes.texts[0].get_text() == "SSIM: no flavour has a value"
    assert "in SSIM — images are too small" in note(figure)


def test_infinite_and_absent_values_are_noted():
    table = metrics()
    table.loc[(table["metric"] == "psnr") & (table["flavour"] == "copy"), "value"] = np.inf
    table = table[(table["metric"] != "mse") | (table["flavour"] != "vae")]
    text = note(metric_by_latent(summarise(table), LOOKS))
    assert "copy (control) in PSNR — infinite" in text
    assert "VAE in MSE — not measured" in text


def test_training_curves_draw_mean_and_range_of_the_totals():
    figure = training_curves(history(("digits", "mnist")), LOOKS)
    assert len(figure.axes) == len(LATENTS) * 2
    for axes in figure.axes:
        drawn = lines(axes)
        assert set(drawn) == {f"{f} {split}" for f in FLAVOURS[:3] for split in ("train", "validation")}
        epochs = np.arange(1, 7)
        for label, points in drawn.items():
            expected = 100 / epochs + 1 + len(label.split()[1])
            np.testing.assert_allclose(points, np.stack([epochs, expected], axis=1))
        for band in axes.collections:
            limits = band.get_datalim(axes.transData)
            np.testing.assert_allclose([limits.y0, limits.y1], [100 / 6 + 10, 100 + 12])
    assert legend(figure) == ["VAE", "β-VAE", "AE"]
    assert note(figure) == "Not shown: copy (control) — no training history."


def test_training_curves_ignore_values_that_are_no_numbers_and_may_be_empty():
    table = history()
    table.loc[table["flavour"] == "vae", "value"] = np.nan
    assert legend(training_curves(table, LOOKS)) == ["β-VAE", "AE"]
    figure = training_curves(table[:0], LOOKS)
    assert figure.axes[0].texts[0].get_text().replace("\n", " ") == "no flavour has a training history"
    assert note(figure).endswith("— no training history.")


def test_rate_distortion_draws_means_intervals_and_sizes():
    table = metrics(("digits", "mnist"), ("conv", "mlp"))
    figure = rate_distortion(summarise(table), LOOKS)
    assert [axes.get_title() for axes in figure.axes] == [
        "Digits · Conv",
        "MNIST · Conv",
        "Digits · MLP",
        "MNIST · MLP",
    ]
    summary = summarise(table).query("dataset == 'mnist' and architecture == 'mlp'")
    axes = figure.axes[-1]
    drawn = {label: points for label, points in lines(axes).items() if label in FLAVOURS}
    assert set(drawn) == {"vae", "beta_vae"}
    for flavour, points in drawn.items():
        for i, metric in enumerate(("rate", "distortion")):
            rows = summary[(summary["flavour"] == flavour) & (summary["metric"] == metric)]
            np.testing.assert_array_equal(points[:, i], rows["mean"])
    row = summary.query("flavour == 'vae' and metric == 'rate' and latent == 2").iloc[0]
    horizontal = axes.collections[0].get_segments()[0]
    np.testing.assert_allclose(horizontal[:, 0], [row["low"], row["high"]])
    assert [text.get_text() for text in axes.texts if text.get_text().isdigit()] == ["2", "8", "32"] * 2
    assert note(figure) == "Not shown: AE, copy (control) — it has no prior."


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
    assert found["Gaussian-Mixture"].tolist() == [[left, 1.0], [4.0, 0.0]] and 0 < left < 4
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


def results(folder: Path, kind: str) -> dict[str, list[Path]]:
    """Files of a small study, of what a kind says that its figures are given, and of nothing else."""
    made = {"summary": summarise(metrics()), "history": history(latents=(2,)), "compute": costs({})}
    images = {"gallery": galleries(2), "geometry": geometries()}
    if kind in ("agreement", "validity"):
        facts = list(itertools.product(FLAVOURS[:2], range(2), concordance.DISTANCES, range(9)))
        distances = pd.DataFrame(facts, columns=["flavour", "seed", "distance", "pair"])
        values = np.random.default_rng(0).random(len(distances))
        made["distances"] = distances.assign(dataset="mnist", architecture="mlp", latent=2, value=values, reason="")
        made["agreement"] = concordance.agree(made["distances"])
    paths: dict[str, list[Path]] = {}
    for what in catalogue.constant("figures", kind, "INPUTS"):
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


@pytest.mark.parametrize("kind", catalogue.groups("figures"))
def test_every_kind_states_its_inputs_and_its_figures_are_drawn_from_them_alone(kind, tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    assert catalogue.constant("figures", kind, "SCOPE") in ("study", "block")
    paths = results(tmp_path, kind)
    for name in catalogue.names("figures", kind):
        flavours = FLAVOURS[: max(map(len, paths.values()))]
        assert isinstance(draw(name, paths, FAMILIES, flavours), Figure)
        assert catalogue.caption("figures", name).endswith(".")
        parameters = list(inspect.signature(catalogue.load("figures", name)).parameters)
        given = len(paths) - ("compute" in paths)  # costs tell which histories are drawn
        assert len(parameters) == given + 1 and parameters[-1] == "palette"
    assert dict(matplotlib.rcParams) == before
    for module in [m for name, m in sys.modules.items() if name.startswith("vaebench.report.figures.")]:
        assert module.__doc__.partition("\n\n")[0].rstrip().endswith(".")


def test_histories_of_runs_that_diverged_enter_no_mean(tmp_path):
    paths = results(tmp_path, "history")
    costs({"vae": {1, 2}, "ae": {0, 1, 2}}).to_csv(paths["compute"][0], index=False)
    figure = draw("training_curves", paths, FAMILIES)
    drawn = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    own = history(latents=(2,)).query("flavour == 'vae' and seed == 0 and split == 'validation' and term == 'total'")
    assert drawn["vae validation"].tolist() == own["value"].tolist()
    assert "ae validation" not in drawn and "AE, copy (control) — no training history" in note(figure)


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
    assert style.window([2.0, 2.0, 7.0]) == pytest.approx((2 - 0.3, 7 + 0.3))
