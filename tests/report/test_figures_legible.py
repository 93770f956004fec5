"""Every figure of 41 flavours, 4 latent sizes and 2 datasets: no text covers another, and nothing leaves the canvas."""

from __future__ import annotations

import functools
import itertools
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox

from vaebench.report.concordance import DISTANCES
from vaebench.report.figures import facts, style
from vaebench.study import catalogue

FAMILIES = {name: family for family, names in catalogue.groups("flavours").items() for name in names}
PALETTE = style.palette(FAMILIES)
DATASETS, LATENTS, SEEDS = ("fashion_mnist", "mnist"), (2, 8, 32, 128), range(3)
BLOCK = {"dataset": "mnist", "architecture": "mlp", "latent": 2}
BITS = 0.6  # points, by which boxes of text may touch


class Recorder(RendererAgg):
    """Keeps each line of text that is drawn, with its box and what cuts it off, and draws nothing."""

    def __init__(self, figure: Figure) -> None:
        super().__init__(*figure.bbox.size, figure.dpi)
        self.lines: list[tuple[str, Bbox, Any]] = []

    def draw_text(self, gc, x, y, s, prop, angle, ismath=False, mtext=None) -> None:
        width, height, descent = self.get_text_width_height_descent(s, prop, ismath)
        corners = np.array([(0, -descent), (width, -descent), (width, height - descent), (0, height - descent)])
        turned = Affine2D().rotate_deg(angle).translate(x, self.height - y).transform(corners)
        if s.strip():
            self.lines.append((s, Bbox([turned.min(0), turned.max(0)]), gc.get_clip_rectangle()))

    def draw_path(self, *args, **kwargs) -> None: ...

    draw_markers = draw_path_collection = draw_image = draw_quad_mesh = draw_path  # type: ignore[assignment]


def faults(figure: Figure) -> list[str]:
    """Texts that cover each other, and texts and axes that reach beyond the canvas, in words."""
    figure.set_dpi(100)
    recorder = Recorder(figure)
    with style._settings():
        figure.draw(recorder)  # lays it out
        figure.set_layout_engine("none")
        recorder.lines.clear()
        figure.draw(recorder)
    margin = BITS * figure.dpi / 72
    found = [
        f"'{one}' covers '{other}'"
        for (one, a, _), (other, b, _) in itertools.combinations(recorder.lines, 2)
        if a.x0 + margin < b.x1 - margin
        and b.x0 + margin < a.x1 - margin
        and a.y0 + margin < b.y1 - margin
        and b.y0 + margin < a.y1 - margin
    ]
    within = Bbox.from_extents(-1.5, -1.5, figure.bbox.x1 + 1.5, figure.bbox.y1 + 1.5)
    found += [f"'{line}' leaves the canvas" for line, box, _ in recorder.lines if not _holds(within, box)]
    found += [f"'{line}' is cut off" for line, box, clip in recorder.lines if clip and not _holds(clip, box, margin)]
    boxes = [(axes, axes.get_tightbbox(recorder)) for axes in figure.axes]
    found += [f"axes '{axes.get_title()}' leave the canvas" for axes, box in boxes if box and not _holds(within, box)]
    return found


def _holds(outer: Bbox, box: Bbox, margin: float = 0) -> bool:
    return (
        outer.x0 <= box.x0 + margin
        and outer.y0 <= box.y0 + margin
        and box.x1 - margin <= outer.x1
        and box.y1 - margin <= outer.y1
    )


# Tables and pictures of every kind that a figure may be drawn from


def cells() -> pd.DataFrame:
    facts = itertools.product(DATASETS, ("mlp",), FAMILIES, LATENTS)
    return pd.DataFrame(facts, columns=["dataset", "architecture", "flavour", "latent"])


@functools.cache
def summary() -> pd.DataFrame:
    """Values like those of trained models: the rate grows with the size, and the distortion falls."""
    random, table = np.random.default_rng(0), cells()
    offsets = dict(zip(FAMILIES, random.normal(size=len(FAMILIES)), strict=True))
    size, offset = np.log2(table["latent"]), table["flavour"].map(offsets)
    rate, distortion = 6 * size + 2 * offset, 180 - 14 * size + 4 * offset
    values = {
        "rate": rate,
        "distortion": distortion,
        "elbo": -rate - distortion,
        "nll": rate + distortion - 3,
        "active_units": table["latent"] * 0.8,
        "mse": 0.05 - 0.004 * size + 0.001 * offset,
        "psnr": 13 + size + 0.2 * offset,
        "ssim": 0.3 + 0.08 * size + 0.01 * offset,
    }
    frames = [table.assign(part="", metric=metric, mean=mean) for metric, mean in values.items()]
    frames += [
        table.assign(part=part, metric="frechet_distance", mean=np.exp(3 - 0.2 * size + 0.1 * offset + 0.3 * place))
        for place, part in enumerate(("gaussian_mixture", "prior", "maf", "two_stage"))
    ]
    frames += [
        table.assign(part=f"{kind} pairs", metric="class_separation", mean=60 + 3 * place + offset)
        for place, kind in enumerate(DISTANCES)
    ]
    for rank in range(1, max(LATENTS) + 1):
        rows = table[table["latent"] >= rank]
        mean = 3 * np.exp(-rank / (4 + offset[rows.index]))
        frames.append(rows.assign(part="", metric=f"kl_per_dimension_{rank}", mean=mean))
    rows = pd.concat(frames, ignore_index=True)
    half = 0.02 * rows["mean"].abs()
    return rows.assign(n=3, low=rows["mean"] - half, high=rows["mean"] + half, reason="")


@functools.cache
def history() -> pd.DataFrame:
    table = summary().query("metric in ['rate', 'distortion'] and part == ''").rename(columns={"metric": "term"})
    frames = [
        table.assign(seed=seed, epoch=epoch, split="validation", kept=20.0,
                     value=table["mean"] * (1 + 2 * (20 - epoch) / 20 / epoch) + 0.1 * seed)
        for seed in SEEDS
        for epoch in range(1, 21)
    ]  # fmt: skip
    columns = ["dataset", "architecture", "flavour", "latent", "seed", "epoch", "split", "term", "value", "kept"]
    return pd.concat(frames, ignore_index=True)[columns]


@functools.cache
def distances() -> pd.DataFrame:
    random = np.random.default_rng(1)
    facts = itertools.product(FAMILIES, SEEDS, DISTANCES, range(40))
    table = pd.DataFrame(facts, columns=["flavour", "seed", "distance", "pair"])
    return table.assign(**BLOCK, value=random.gamma(9, size=len(table)), reason="")


@functools.cache
def agreement() -> pd.DataFrame:
    random = np.random.default_rng(2)
    facts = itertools.product(FAMILIES, DISTANCES, ("mean_spearman", "variation"))
    table = pd.DataFrame(facts, columns=["flavour", "part", "metric"])
    mean = random.uniform(0.5, 0.95, len(table))
    return table.assign(**BLOCK, mean=mean, low=mean - 0.06, high=mean + 0.04, reason="")


CLASSES = np.array(
    ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
)


@functools.cache
def gallery() -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(3)
    images = random.random((8, 1, 28, 28), dtype=np.float32)
    arrays = {
        "reason": np.array(""),
        "originals": images,
        "reconstructions": images / 2,
        "samples": images,
        "samples_prior": images,
        "samples_gaussian_mixture": images,
        "traversals": random.random((5, 7, 1, 28, 28), dtype=np.float32),
        "latent_means": random.normal(size=(200, 5)).astype(np.float32) * 10,
        "labels": np.arange(200) % 10,
        "classes": CLASSES,
    }
    return dict.fromkeys(FAMILIES, arrays)


@functools.cache
def geometry() -> dict[str, dict[str, np.ndarray]]:
    random = np.random.default_rng(4)
    x, y = np.linspace(-3, 3, 20), np.linspace(-3, 3, 20)
    log_magnification = -(x**2) - y[:, None] ** 2
    codes = random.normal(size=(100, 2))
    lines = np.linspace(codes[:8], codes[8:16], 9, axis=1)
    strips = random.random((2, 9, 1, 28, 28), dtype=np.float32)
    arrays = {
        "reason": np.array(""),
        "log_magnification": 3 * random.normal(size=200),
        "log_condition": random.gamma(2.0, 0.5, 200),
        "plane_axes": np.array(["direction 1", "direction 2"]),
        "plane_x": x,
        "plane_y": y,
        "plane_log_magnification": log_magnification,
        "plane_curvature": np.sin(2 * x) * np.cos(2 * y)[:, None],
        "plane_codes": codes,
        "plane_labels": np.arange(100) % 10,
        "classes": CLASSES,
        "plane_lines": lines,
        "plane_geodesics": lines,
        "plane_trusted": np.ones(8, bool),
        "end_images": random.random((2, 2, 1, 28, 28), dtype=np.float32),
        "line_images": strips,
        "geodesic_images": strips,
        "geodesic_ratios": np.array([0.75, 0.9]),
    }
    learned = arrays | {
        "plane_learned_log_magnification": log_magnification**3
    }  # few flavours have a metric of their own
    return dict.fromkeys(FAMILIES, arrays) | {"rhvae": learned}


NUMBERS = [("", "nll"), ("", "elbo"), ("", "ssim"), ("", "mse"), ("prior", "frechet_distance"), ("", "neighbour_probe")]
SCORED = [flavour for flavour, family in FAMILIES.items() if family != "controls"]


def numbered(*facts: Any) -> pd.DataFrame:
    """A row for each number of `NUMBERS` and each combination of facts."""
    rows = [(*number, *values) for number, *values in itertools.product(NUMBERS, *facts)]
    return pd.DataFrame(rows).assign(conditions="dynamic bernoulli", reason="")


def average_ranks() -> pd.DataFrame:
    table = numbered(SCORED).set_axis(["part", "metric", "flavour", "conditions", "reason"], axis=1)
    place = table.groupby(["part", "metric"]).cumcount()
    cliques = [" ".join(str(i) for i in range(1, 9) if 4 * i - 4 <= where < 4 * i + 8) for where in place]
    return table.assign(average_rank=1.0 + place, flavours=len(SCORED), blocks=8, cliques=cliques)


def profiles() -> pd.DataFrame:
    table = numbered(SCORED, np.linspace(-1, 1, 17))
    table = table.set_axis(["part", "metric", "flavour", "tau", "conditions", "reason"], axis=1)
    shift = table["flavour"].map({flavour: i / 40 for i, flavour in enumerate(SCORED)})
    share = (0.5 - 0.4 * table["tau"] + shift / 5).clip(0, 1)
    return table.assign(share=share, low=share - 0.1, high=share + 0.1)


def metric_correlation() -> pd.DataFrame:
    metrics = [(metric, group) for group in catalogue.groups("metrics") for metric in catalogue.names("metrics", group)]
    numbers = [
        ("prior" if group == "generation" else "", metric)
        for metric, group in metrics
        if catalogue.declared("metrics", metric).get("better")
    ]
    rows = [(*one, *other, np.sin(i)) for i, (one, other) in enumerate(itertools.combinations(numbers, 2))]
    table = pd.DataFrame(rows, columns=["other_part", "other_metric", "part", "metric", "correlation"])
    return table.assign(conditions="dynamic bernoulli", flavours=39, reason="")


def pareto() -> pd.DataFrame:
    random = np.random.default_rng(5)
    table = numbered(DATASETS, ("mlp",), LATENTS, SCORED)
    columns = ["part", "metric", "dataset", "architecture", "latent", "flavour", "conditions", "reason"]
    table = table.set_axis(columns, axis=1).sort_values(["part", "metric", "dataset", "latent"])
    seconds, value = np.exp(random.normal(3, 1, len(table))), random.normal(100, 5, len(table))
    place = table.groupby(["part", "metric", "dataset", "latent"]).cumcount()
    front = (place < 5).astype(int)
    return table.assign(
        seconds=np.where(front, 3.0 * 2.0**place, 5 + seconds),
        value=np.where(front, 90 - 2 * place, value),
        front=front,
    )


def best() -> pd.DataFrame:
    random = np.random.default_rng(6)
    table = numbered(SCORED).set_axis(["part", "metric", "flavour", "conditions", "reason"], axis=1)
    difference = random.normal(3, 2, len(table))
    standing = np.where(table["flavour"] == "vae", "best", random.choice(["tied", "worse", "untold"], len(table)))
    return table.assign(
        **BLOCK, difference=difference, low=difference - 1, high=difference + 1, standing=standing, mean=difference
    )


GIVEN = {
    "average_ranks": average_ranks,
    "profiles": profiles,
    "metric_correlation": metric_correlation,
    "pareto": pareto,
    "best": best,
    "summary": summary,
    "history": history,
    "distances": distances,
    "agreement": agreement,
    "gallery": gallery,
    "geometry": geometry,
}
TAKEN = ("compute",)  # tell which histories are drawn
HEAVY = ("curvature", "magnification", "kl_spectra", "reliability_validity", "variation")  # of several seconds


def given(name: str) -> list[Any]:
    """What a figure is given: of a block, its rows alone."""
    of_block = facts(name)["SCOPE"] == "block"
    tables = [GIVEN[what]() for what in facts(name)["INPUTS"] if what not in TAKEN]
    return [_of_block(table) if of_block and isinstance(table, pd.DataFrame) else table for table in tables]


def _of_block(table: pd.DataFrame) -> pd.DataFrame:
    for column, value in BLOCK.items():
        table = table[table[column] == value]
    return table


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in catalogue.names("figures")],
)
def test_a_figure_of_the_whole_benchmark_is_legible_and_as_wide_as_a_column(name):
    function = catalogue.load("figures", name)
    tables = given(name)
    figure = function(*tables, PALETTE)
    assert figure.get_figwidth() in (style.ONE, style.TWO)
    assert figure.get_figheight() < 15
    assert faults(figure) == []
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()]
    assert min(sizes) >= 5
    if finding := getattr(sys.modules[function.__module__], "finding", None):
        told = finding(*tables, PALETTE)
        assert told.endswith(".") and "nan" not in told


def test_every_flavour_is_named_in_the_rate_distortion_plane():
    from vaebench.report.figures.summary.rate_distortion import rate_distortion

    figure = rate_distortion(summary(), PALETTE)
    titles = {catalogue.title("flavours", family): family for family in style.family_colours()}
    for axes in figure.axes:
        named = {text.get_text() for text in axes.texts if "ELBO" not in text.get_text()}
        if family := titles.get(axes.get_title()):
            assert named == {PALETTE[flavour].name for flavour in FAMILIES if FAMILIES[flavour] == family}
        else:
            assert named == {*titles, "copy (control)", "mean (control)"}


def test_faults_are_found():
    figure = Figure(figsize=(2, 2), dpi=100)
    figure.text(0.1, 0.5, "one")
    figure.text(0.12, 0.5, "other")
    figure.text(0.9, 0.9, "beyond the edge")
    axes = figure.add_axes((0.1, 0.1, 0.5, 0.2))
    axes.text(0.6, 0.5, "too long", clip_on=True)
    axes.set_xticks([]), axes.set_yticks([])
    assert faults(figure) == [
        "'one' covers 'other'",
        "'beyond the edge' leaves the canvas",
        "'too long' is cut off",
    ]
    assert faults(Figure()) == []
