"""Figures of the geometry: what is drawn equals the arrays, and what is missing is named with its reason."""

from __future__ import annotations

import itertools
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import SymLogNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from vaebench.errors import VaebenchError
from vaebench.report.concordance import SHOWN
from vaebench.report.figures import style, tiles
from vaebench.report.figures.agreement.concordance import concordance
from vaebench.report.figures.geometry.interpolations import interpolations
from vaebench.report.figures.geometry.magnification_violins import magnification_violins
from vaebench.report.figures.plane import _panels
from vaebench.report.figures.plane.curvature import curvature
from vaebench.report.figures.plane.learned_metric import learned_metric
from vaebench.report.figures.plane.magnification import magnification
from vaebench.report.figures.validity.reliability_validity import reliability_validity
from vaebench.study import catalogue

Geometry = dict[str, np.ndarray]
FIGURES = [(kind, name) for kind in ("plane", "geometry") for name in catalogue.names("figures", kind)]
FLAVOURS = ("vae", "svae", "poincare_vae", "rhvae", "vq_vae", "ae", "copy")
LOOKS = style.palette(dict.fromkeys(FLAVOURS, "gaussian") | {"copy": "controls"})
DISCRETE, PIXELS, RELU = (
    "its latents are discrete codes",
    "its latents are the pixels themselves",
    "its decoder bends not",
)


def flat(seed: int = 0, spread: float = 1.0) -> Geometry:
    """A sphere of radius ``spread`` by stereographic projection: magnification and curvature in closed form."""
    random = np.random.default_rng(seed)
    x, y = np.linspace(-3, 3, 24), np.linspace(-2, 2, 20)
    squares = x**2 + y[:, None] ** 2
    labels = np.arange(300) % 10
    angles = 2 * np.pi * labels / 10
    codes = 1.5 * np.stack([np.cos(angles), np.sin(angles)], 1) + 0.3 * random.normal(size=(300, 2))
    starts, ends, times = codes[:10, None], codes[15:25, None], np.linspace(0, 1, 17)[:, None]
    lines = starts + (ends - starts) * times
    across = (ends - starts)[..., ::-1] * [0.2, -0.2]
    magnified = 2 * np.log(2 * spread / (1 + squares))
    at_codes = 2 * np.log(2 * spread / (1 + (codes**2).sum(1)))
    return {
        "log_magnification": at_codes,
        "log_condition": random.gamma(2.0, 0.3, 300),
        "plane_axes": np.array(["latent 1", "latent 2"]),
        "plane_x": x,
        "plane_y": y,
        "plane_log_magnification": magnified,
        "plane_curvature": np.exp(-magnified) * np.sin(2 * x) * np.cos(2 * y)[:, None],
        "plane_codes": codes,
        "plane_labels": labels,
        "plane_lines": lines,
        "plane_geodesics": lines + across * np.sin(np.pi * times),
        "plane_trusted": np.arange(10) != 1,
    } | strips(seed)


def strips(seed: int = 0, channels: int = 1) -> Geometry:
    """Discs that move: straight for the line, around for the geodesic; and rings at their ends."""
    rows, columns = np.mgrid[:28, :28]
    images = np.stack([
        [(rows - 14 - bend * np.sin(np.pi * t)) ** 2 + (columns - 6 - 16 * t) ** 2 < 30 for t in np.linspace(0, 1, 9)]
        for bend in (0, 4, 2, 8)
    ]).astype(np.float32)  # fmt: skip
    images = np.repeat(images[:, :, None], channels, axis=2) * (1 - 0.05 * (seed % 7))
    ring = (abs((rows - 14) ** 2 + (columns - 14) ** 2 - 80) < 30) * np.array([0.4, 0.6, 0.8, 1.0])[:, None, None]
    return {
        "reason": np.array(""),
        "end_images": np.repeat(ring.reshape(2, 2, 1, 28, 28), channels, axis=2),
        "line_images": images[:2],
        "geodesic_images": images[2:],
        "geodesic_ratios": np.array([0.75, 0.9]),
    }


def sphere() -> Geometry:
    """Longitude and latitude, with one curve over the border of longitudes."""
    longitude, latitude = np.linspace(-np.pi, np.pi, 24), np.linspace(-1.5, 1.5, 20)
    magnified = np.tile(np.log(np.cos(latitude))[:, None], 24)
    turn = np.linspace(2.5, 3.9, 17)
    wrapped = np.stack([(turn + np.pi) % (2 * np.pi) - np.pi, 0.2 * turn], 1)
    random = np.random.default_rng(0)
    return flat() | {
        "plane_axes": np.array(["longitude", "latitude"]),
        "plane_x": longitude,
        "plane_y": latitude,
        "plane_log_magnification": magnified,
        "plane_curvature": np.ones((20, 24)),
        "plane_codes": np.stack([random.uniform(-np.pi, np.pi, 300), random.uniform(-1.4, 1.4, 300)], 1),
        "plane_lines": wrapped[None],
        "plane_geodesics": wrapped[None] + [0, 0.3],
        "plane_trusted": np.array([True]),
    }


def ball() -> Geometry:
    """Like `flat` in the unit disc; outside there is no number."""
    made = flat()
    outside = made["plane_x"] ** 2 / 9 + made["plane_y"][:, None] ** 2 / 4 >= 1
    return made | {
        key: np.where(outside, np.nan, made[key]) for key in ("plane_log_magnification", "plane_curvature")
    }  # fmt: skip


def learned() -> Geometry:
    return flat() | {"plane_learned_log_magnification": -3 * flat()["plane_log_magnification"] ** 3}


def discrete() -> Geometry:
    kept = {
        key: values for key, values in flat().items() if not any(word in key for word in ("line", "geodesic", "end_"))
    }
    del kept["plane_curvature"]
    return kept | {"curve_reason": np.array(DISCRETE), "curvature_reason": np.array(RELU)}


def geometries() -> dict[str, Geometry]:
    """One of each kind; AE has no run, and copy no geometry."""
    made = {"vae": flat(), "svae": sphere(), "poincare_vae": ball(), "rhvae": learned(), "vq_vae": discrete()}
    return made | {"copy": {"reason": np.array(PIXELS)}}


def background(axes: Axes) -> np.ma.MaskedArray:
    return axes.images[0].get_array()


def codes(axes: Axes) -> PathCollection:
    [dots] = [drawn for drawn in axes.collections if isinstance(drawn, PathCollection)]
    return dots


def note(figure: Figure) -> str:
    return figure.get_supxlabel().replace("\n", " ")


# Planes


def test_magnification_is_drawn_less_its_median_on_one_scale():
    made = {"vae": flat(), "poincare_vae": ball()}
    made["vae"]["plane_log_magnification"] = made["vae"]["plane_log_magnification"] - 7
    figure = magnification(made, LOOKS)
    centred = {
        name: g["plane_log_magnification"] - np.nanmedian(g["plane_log_magnification"]) for name, g in made.items()
    }
    low, high = np.nanquantile(np.concatenate([values.ravel() for values in centred.values()]), (0.02, 0.98))
    for axes, values in zip(figure.axes, centred.values(), strict=False):
        assert np.array_equal(background(axes).filled(np.nan), values, equal_nan=True)
        assert axes.images[0].get_clim() == pytest.approx((low, high))
        # Cells are centred on the points of the grid: 24 from -3 to 3, 20 from -2 to 2.
        assert axes.images[0].get_extent() == pytest.approx((-3 - 3 / 23, 3 + 3 / 23, -2 - 2 / 19, 2 + 2 / 19))
        assert axes.images[0].origin == "lower" and axes.get_aspect() == 1
    assert np.isnan(centred["poincare_vae"][0, 0])
    median = np.median(flat()["plane_log_magnification"])
    assert figure.axes[0].get_title() == f"VAE\nmedian \N{MINUS SIGN}{7 - median:.1f}"
    assert [axes.get_ylabel() for axes in figure.axes[:2]] == ["latent 2"] * 2
    assert figure.axes[2].get_xlabel() == "log magnification − median (nats)"


def test_codes_are_drawn_by_class():
    made = flat()
    colours = style.class_colours(made["plane_labels"])
    for figure in (magnification({"vae": made}, LOOKS), curvature({"vae": made}, LOOKS)):
        axes = figure.axes[0]
        assert np.array_equal(codes(axes).get_offsets(), made["plane_codes"])
        assert np.allclose(
            codes(axes).get_facecolor(), [to_rgba(colours[label]) for label in made["plane_labels"].tolist()]
        )
        assert codes(axes).get_edgecolor().tolist() == [[1, 1, 1, 1]] and codes(axes).get_rasterized()
        assert axes.get_xlim() == pytest.approx((-3 - 3 / 23, 3 + 3 / 23))
        assert {str(label) for label in range(10)} <= {text.get_text() for text in figure.legends[0].get_texts()}


def test_backgrounds_are_paler_than_all_codes():
    def lightness(colours):
        return np.array([to_rgba(colour)[:3] for colour in colours]) @ [0.2126, 0.7152, 0.0722]

    for shades in (_panels.SHADES, _panels.SIGNS):
        assert lightness(shades(np.linspace(0, 1, 9))).min() > np.median(lightness(style.CLASSES)) + 0.15
    assert [*lightness([_panels.SIGNS(0.0), _panels.SIGNS(1.0)])] == pytest.approx([0.65, 0.73], abs=0.02)


def test_lines_and_trusted_geodesics_of_eight_pairs_are_drawn():
    made = flat()
    drawn = [line.get_xydata() for line in magnification({"vae": made}, LOOKS).axes[0].lines]
    assert np.array_equal(drawn, [*made["plane_geodesics"][[0, 2, 3, 4, 5, 6, 7]], *made["plane_lines"][:8]])


def test_a_curve_over_the_border_of_longitudes_is_broken():
    made = sphere()
    for line, key in zip(
        magnification({"svae": made}, LOOKS).axes[0].lines, ("plane_geodesics", "plane_lines"), strict=True
    ):
        [curve], drawn = made[key], line.get_xydata()
        gaps = np.isnan(drawn[:, 0])
        assert gaps.sum() == 1
        assert np.array_equal(drawn[~gaps], curve)
        assert np.abs(np.diff(curve[:, 0])).max() > 6
        assert np.nanmax(np.abs(np.diff(drawn[:, 0]))) < 0.1
    # A latent is no longitude: there a step may be long.
    straight = made | {"plane_axes": np.array(["latent 1", "latent 2"])}
    assert not np.isnan(magnification({"svae": straight}, LOOKS).axes[0].lines[0].get_xydata()).any()


def test_curvature_is_drawn_symmetric_about_zero():
    made = {"vae": flat(), "poincare_vae": ball()}
    made["vae"]["plane_curvature"][:2] = 0
    figure = curvature(made, LOOKS)
    values = np.concatenate([geometry["plane_curvature"].ravel() for geometry in made.values()])
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    for axes, geometry in zip(figure.axes, made.values(), strict=False):
        assert np.array_equal(background(axes).filled(np.nan), geometry["plane_curvature"], equal_nan=True)
        norm = axes.images[0].norm
        assert isinstance(norm, SymLogNorm)
        assert norm.linthresh == pytest.approx(np.median(sizes))
        assert (-norm.vmin, norm.vmax) == pytest.approx([np.quantile(sizes, 0.98)] * 2)
        assert norm(0.0) == pytest.approx(0.5)
        assert np.array_equal(codes(axes).get_offsets(), geometry["plane_codes"])
    assert "dimensionless" in figure.axes[-1].get_xlabel()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_curvature_is_drawn(value, tmp_path):
    made = flat() | {"plane_curvature": np.full((20, 24), value)}
    figure = curvature({"vae": made}, LOOKS)
    style.save(figure, [tmp_path / "curvature.png"])
    assert figure.axes[0].images[0].norm(value) == (0.5 if value == 0 else 1.0)


def test_the_learned_metric_is_beside_the_pull_back_with_their_rank_correlation():
    # Of ranks 1, 2, 3, 4 and 1, 3, 2, 4: 1 - 6 * 2 / (4 * 15) = 0.8; singular points do not count.
    small = flat() | {
        "plane_x": np.array([0.0, 1.0, 2.0]),
        "plane_y": np.array([0.0, 1.0]),
        "plane_learned_log_magnification": np.array([[1.0, 2.0, 30.0], [4.0, np.nan, -50.0]]),
        "plane_log_magnification": np.array([[-8.0, -5.0, 0.0], [-6.0, 9.0, np.nan]]),
    }
    figure = learned_metric({"vae": flat(), "rhvae": learned(), "svae": small}, LOOKS)
    titles = [axes.get_title() for axes in figure.axes[:4]]
    assert titles == [
        "SVAE\nlearned metric",
        "SVAE\npull-back, Spearman's ρ = 0.80",
        "RHVAE\nlearned metric",
        "RHVAE\npull-back, Spearman's ρ = \N{MINUS SIGN}1.00",
    ]
    expected = small["plane_learned_log_magnification"] - 2, small["plane_log_magnification"] + 5
    for axes, values in zip(figure.axes[:2], expected, strict=True):
        assert np.array_equal(background(axes).filled(np.nan), values, equal_nan=True)
        assert axes.images[0].get_clim() == pytest.approx(tuple(np.nanquantile(values, (0.02, 0.98))))
        assert np.array_equal(codes(axes).get_offsets(), small["plane_codes"])
    assert note(figure) == "Not shown: Poincare-VAE, VQ-VAE, AE, copy (control) — no run."


# Strips and violins


@pytest.mark.parametrize("channels", [1, 3])
def test_strips_show_the_images_between_their_ends_with_the_ratio_of_lengths(channels):
    made = {"vae": strips(0, channels), "ae": strips(3, channels)}
    made["ae"]["geodesic_ratios"] = np.array([np.nan, 0.9])
    figure = interpolations(made, LOOKS)
    wide = 9 * 29 - 1  # nine images of 28 pixels and gaps of 1, and 14 pixels to the test images beside them
    for axes, geometry in zip(figure.axes, made.values(), strict=True):
        sheet = background(axes)
        assert sheet.shape == (57 + 14 + 57, 28 + 14 + wide + 14 + 28, 3)
        for pair, top in enumerate((0, 57 + 14)):
            both = np.concatenate([geometry["line_images"][pair], geometry["geodesic_images"][pair]])
            assert np.array_equal(sheet[top : top + 57, 42 : 42 + wide], tiles.tile(both, 9))
            for end, left in enumerate((0, 42 + wide + 14)):  # in the middle of 57 rows
                image = sheet[top + 14 : top + 42, left : left + 28]
                assert np.array_equal(image, tiles.tile(geometry["end_images"][pair, end][None], 1))
                frame = axes.patches[2 * pair + end]
                assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == (left - 0.5, top + 13.5, 28, 28)
        assert (sheet[57 : 57 + 14] == 1).all() and (sheet[:, 28:42] == 1).all()
        assert [label.get_text() for label in axes.get_yticklabels()] == ["line", "geodesic"] * 2
        assert axes.get_yticks() == pytest.approx([14.25, 42.75, 85.25, 113.75])
        assert [label.get_text() for label in axes.get_xticklabels()] == ["test", "decoded", "test"]
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [["× 0.75", "× 0.90"], ["—", "× 0.90"]]
    assert [axes.get_title() for axes in figure.axes] == ["VAE", "AE"]


def test_every_latent_metric_has_a_strip_or_the_reason_why_not():
    made = {flavour: strips() for flavour in ("vae", "ae", "svae")}
    for flavour in ("vae", "ae"):
        made[flavour] |= {"ensemble_images": strips(1)["line_images"], "ensemble_ratios": np.array([0.5, np.nan])}
    made["svae"]["ensemble_reason"] = np.array("no likelihood")
    figure = interpolations(made, style.palette(dict.fromkeys(made, "gaussian")))
    rows = [[label.get_text() for label in axes.get_yticklabels()][:3] for axes in figure.axes]
    assert rows == [["line", "geodesic", "ensemble"]] * 2 + [["line", "geodesic", "line"]]
    assert np.array_equal(background(figure.axes[0])[58:86, 42:70], tiles.tile(strips(1)["line_images"][0, :1], 1))
    texts = ["× 0.75", "× 0.50", "× 0.90", "—"]
    assert [text.get_text() for text in figure.axes[0].texts] == texts
    assert note(figure) == "Not shown: SVAE in ensemble — no likelihood."


@pytest.mark.parametrize(("flavours", "pairs"), [(1, 2), (12, 2), (13, 1)])
def test_of_many_flavours_one_pair_is_in_strips(flavours, pairs):
    made = {key: np.concatenate([values] * 2) if values.ndim else values for key, values in strips().items()}
    every = {f"flavour_{i}": made for i in range(flavours)}
    for axes in interpolations(every, style.palette(dict.fromkeys(every, "gaussian"))).axes:
        assert len(background(axes)) == pairs * (57 + 14) - 14
        assert len(axes.texts) == pairs


def test_violins_show_quartiles_of_what_is_regular():
    made = {"vae": flat(1), "ae": flat(2)}
    made["ae"]["log_magnification"][::3] = np.nan
    figure = magnification_violins(made, LOOKS)
    assert [axes.get_xlabel() for axes in figure.axes] == ["log magnification (nats)", "log₁₀ condition number"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["VAE", "AE"]
    for axes, key in zip(figure.axes, ("log_magnification", "log_condition"), strict=True):
        quartiles = [np.nanquantile(geometry[key], (0.25, 0.5, 0.75)) for geometry in made.values()]
        assert axes.lines[-1].get_xdata().tolist() == pytest.approx([middle for _, middle, _ in quartiles])
        *violins, bars = axes.collections
        assert [segment[:, 0].tolist() for segment in bars.get_segments()] == [
            pytest.approx([low, high]) for low, _, high in quartiles
        ]
        shades = [violin.get_facecolor()[0][:3] for violin in violins]
        assert np.allclose(shades, [to_rgba(LOOKS[flavour].colour)[:3] for flavour in made], atol=0.01)
        for geometry in made.values():
            assert axes.get_xlim()[0] < np.nanquantile(geometry[key], 0.01)
            assert axes.get_xlim()[1] > np.nanquantile(geometry[key], 0.99)


def test_a_flavour_far_from_the_others_is_noted():
    made = {flavour: flat(i) for i, flavour in enumerate(FLAVOURS)}
    made["ae"]["log_magnification"] = made["ae"]["log_magnification"] + 400
    figure = magnification_violins(made, LOOKS)
    assert note(figure) == "Not shown: AE in log magnification (nats) — beyond the axes."
    assert figure.axes[0].get_xlim()[1] < 10


def test_a_constant_condition_number_is_drawn():
    made = flat() | {"log_condition": np.zeros(300)}
    assert magnification_violins({"vae": made}, LOOKS).axes[1].get_xlim() == (-1, 1)


# Agreement and separation

KINDS = ("pixel", "latent", "untrained", "ends", "line", "geodesic", "ensemble", "shuffled")


def measured(count: int, vague: float = 0.3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Agreement and class separation of so many flavours; the first one's interval of latents is ``vague`` long."""
    kinds = [(f"flavour_{i}", i, kind, j) for i in range(count) for j, kind in enumerate(KINDS)]
    rows = []
    for flavour, i, kind, j in kinds:
        agreed, told = 0.05 * j + 0.4 * (i % 2) + 0.01 * i, 60 + j - i
        half = vague / 2 if (i, kind) == (0, "latent") else 0.1
        rows.append((flavour, kind, "mean_spearman", agreed, agreed - half, agreed + half))
        rows.append((flavour, f"{kind} pairs", "class_separation", told, told - 2, told + 2))
    table = pd.DataFrame(rows, columns=["flavour", "part", "metric", "mean", "low", "high"]).assign(reason="")
    agreement = table["metric"] == "mean_spearman"
    return table[agreement], table[~agreement]


def looks_of(table: pd.DataFrame) -> style.Palette:
    return style.palette(dict.fromkeys(table["flavour"].unique(), "gaussian"))


def arrows(axes: Axes) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return [
        (text.xyann, text.xy) for text in axes.texts if isinstance(text, Annotation) and text.arrow_patch is not None
    ]


def places(agreement: pd.DataFrame, summary: pd.DataFrame, flavour: str) -> dict[str, tuple[float, float]]:
    ours, theirs = (table[table["flavour"] == flavour]["mean"] for table in (agreement, summary))
    return dict(zip(KINDS, zip(ours, theirs, strict=True), strict=True))


@pytest.mark.parametrize("count", [1, 2, 16])
def test_arrows_go_from_the_latent_distance_to_the_geodesics(count):
    agreement, summary = measured(count)
    figure = reliability_validity(pd.DataFrame(), agreement, summary, looks_of(agreement))
    *small, last = figure.axes
    together = 1 < count <= 15
    small += [] if together else [last]
    assert len(small) == count
    path = ("latent", "ends", "line", "geodesic", "ensemble")
    for i, axes in enumerate(small):
        where = places(agreement, summary, f"flavour_{i}")
        steps = [where[kind] for kind in path]
        assert [(tuple(start), tuple(end)) for start, end in arrows(axes)] == [*itertools.pairwise(steps)]
        drawn = {line.get_label(): tuple(line.get_xydata()[0]) for line in axes.lines}
        assert {kind: drawn[kind] for kind in ("pixel", *path)} == {kind: where[kind] for kind in ("pixel", *path)}
        (told,) = [text.get_text() for text in axes.texts if text.arrow_patch is None]
        controls = {kind: where[kind] for kind in ("untrained", "shuffled")}
        assert told == "\n".join(f"{kind} {x:.2f}, {y:.0f} %" for kind, (x, y) in controls.items())
        behind, *intervals = axes.collections
        bars = [segment for bars in intervals for segment in bars.get_segments()]
        assert len(behind.get_segments()) == count
        across = [(x, y) for (x, y), end in bars if y == end[1]]
        halves = [0.15 if (i, kind) == (0, "latent") else 0.1 for kind in path]
        assert across == [
            (pytest.approx(where[kind][0] - half), where[kind][1]) for kind, half in zip(path, halves, strict=True)
        ]
        assert [(x, low, high) for (x, low), (end, high) in bars if x == end] == [
            (where[kind][0], where[kind][1] - 2, where[kind][1] + 2) for kind in path
        ]
        (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
        assert all(left < x < right and bottom < y < top for bar in bars for x, y in bar)
    if together:
        expected = [
            step
            for i in range(count)
            for step in itertools.pairwise([places(agreement, summary, f"flavour_{i}")[kind] for kind in path[:3]])
        ]
        assert [(tuple(start), tuple(end)) for start, end in arrows(last)] == expected
        assert last.get_xlim() == small[0].get_xlim() and last.get_position().width > small[0].get_position().width
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(names) == sorted([*path, "pixel"])
    if together:
        assert {text.get_text() for text in last.texts if not isinstance(text, Annotation)} == {
            look.name for look in looks_of(agreement).values()
        }


def test_an_interval_that_says_nothing_is_faint_and_sets_no_limits():
    agreement, summary = measured(2, vague=1.9)
    figure = reliability_validity(pd.DataFrame(), agreement, summary, looks_of(agreement))
    first, second, _ = figure.axes
    assert first.collections[1].get_alpha() < first.collections[2].get_alpha() == second.collections[1].get_alpha()
    left, right = first.get_xlim()
    assert left > -0.3 and right < 1.1


def test_what_has_no_place_is_named_with_its_reason(tmp_path):
    agreement, summary = measured(3)
    lost = (agreement["flavour"] == "flavour_0") & agreement["part"].isin(["geodesic", "ensemble"])
    agreement = agreement.assign(
        mean=agreement["mean"].mask(lost), reason=agreement["reason"].mask(lost, "no geodesic converged")
    )
    one = summary["flavour"] == "flavour_2"
    summary = summary.assign(mean=summary["mean"].mask(one), reason=summary["reason"].mask(one, "there is one class"))
    figure = reliability_validity(pd.DataFrame(), agreement, summary, looks_of(agreement))
    assert [axes.get_title() for axes in figure.axes] == ["Flavour 0", "Flavour 1", "all flavours: latent, ends, line"]
    assert note(figure) == (
        "Not shown: Flavour 0 in geodesic, ensemble — no geodesic converged; Flavour 2 — there is one class."
    )
    assert len(arrows(figure.axes[0])) == 2
    every = reliability_validity(pd.DataFrame(), agreement, summary.assign(mean=np.nan), looks_of(agreement))
    assert every.axes[0].texts[0].get_text().replace("\n", " ") == "no flavour has distances to compare over seeds"
    agreement, summary = agreement.assign(mean=0.5), summary.assign(mean=60.0)  # arrows of no length
    style.save(reliability_validity(pd.DataFrame(), agreement, summary, looks_of(agreement)), [tmp_path / "a.png"])


def test_concordance_is_the_mean_correlation_of_two_seeds():
    agreement, _ = measured(4, vague=0.8)
    figure = concordance(pd.DataFrame(), agreement, looks_of(agreement))
    [axes] = figure.axes
    dots = {line.get_label(): line.get_xdata() for line in axes.lines}
    for bars, kind in zip(axes.collections, SHOWN, strict=True):
        rows = agreement[agreement["part"] == kind]
        assert np.array_equal(dots[kind], rows["mean"])
        assert np.array_equal([segment[:, 0] for segment in bars.get_segments()], rows[["low", "high"]])
    assert axes.collections[0].get_alpha().tolist() == [0.25, 1, 1, 1]
    assert axes.lines[-1].get_xdata() == [0, 0]
    shown = agreement[agreement["part"].isin(SHOWN)]
    least = shown["low"].drop(shown["low"].idxmin()).min()  # but for the faint one
    assert axes.get_xlim() == pytest.approx((min(least, shown["mean"].min()) - 0.02, 1.02))
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert ("independence" in labels) == (axes.get_xlim()[0] <= 0)
    assert axes.get_xlabel() == "mean Spearman correlation of two seeds"


# All figures


def test_what_is_missing_is_named_with_its_reason():
    made = geometries()
    made["rhvae"]["plane_trusted"][:] = False
    made["vae"]["log_condition"][:] = np.nan
    every = f"AE — no run; copy (control) — {PIXELS}"
    assert note(interpolations(made, LOOKS)) == f"Not shown: VQ-VAE — {DISCRETE}; {every}."
    assert note(curvature(made, LOOKS)) == f"Not shown: VQ-VAE — {RELU}; {every}."
    assert note(learned_metric(made, LOOKS)) == f"Not shown: {every}."
    assert note(magnification_violins(made, LOOKS)) == f"Not shown: VAE — not finite anywhere; {every}."
    curves = f"VQ-VAE in lines and geodesics — {DISCRETE}; RHVAE in geodesics — none converged"
    assert note(magnification(made, LOOKS)) == f"Not shown: {every}; {curves}."


@pytest.mark.parametrize(("kind", "name"), FIGURES)
def test_nothing_to_show_is_said(kind, name, tmp_path):
    draw = catalogue.load("figures", name)
    figure = draw({flavour: {"reason": np.array(PIXELS)} for flavour in FLAVOURS}, LOOKS)
    assert [text.get_text().replace("\n", " ")[:9] for text in figure.axes[0].texts] == ["no flavour"[:9]]
    assert note(figure).endswith(f"— {PIXELS}.")
    style.save(figure, [tmp_path / "nothing.png"])
    without = {key: values for key, values in flat().items() if not key.startswith("plane")}
    if kind == "plane":
        figure = draw({"vae": without}, style.palette({"vae": "gaussian"}))
        expected = "" if name == "learned_metric" else "Not shown: VAE — it has not two active latent directions."
        assert note(figure) == expected


@pytest.mark.parametrize(("kind", "name"), FIGURES)
def test_equal_figures_give_equal_bytes(kind, name, tmp_path):
    before = dict(matplotlib.rcParams)
    figures = [catalogue.load("figures", name)(geometries(), LOOKS) for _ in range(2)]
    assert dict(matplotlib.rcParams) == before
    paths = [tmp_path / f"{i}.pdf" for i in range(2)]
    for path, figure in zip(paths, figures, strict=True):
        style.save(figure, [path])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size < 150_000
    assert min(text.get_fontsize() for text in figures[0].findobj(Text) if text.get_text()) >= 5


@pytest.mark.parametrize(("kind", "name"), FIGURES)
def test_figures_have_captions_and_refuse_flavours_without_a_look(kind, name):
    assert catalogue.caption("figures", name).endswith(".")
    with pytest.raises(VaebenchError, match="no colour for iwae"):
        catalogue.load("figures", name)({"iwae": flat()}, LOOKS)


@pytest.mark.parametrize(
    "name",
    ["interpolations", "curvature", "magnification", "magnification_violins", "learned_metric", "reconstructions"],
)
def test_what_a_figure_says_leaves_out_a_flavour_that_has_no_such_pictures(name: str) -> None:
    """As one has whose codes vary along a single direction: other arrays, and no reason for these."""
    module = sys.modules[catalogue.load("figures", name).__module__]
    if finding := getattr(module, "finding", None):
        assert finding({"vae": {"reason": np.array("")}}, LOOKS) == ""
