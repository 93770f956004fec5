"""The pages to explore a study: what they show is what the tables and the arrays hold."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny_study
from PIL import Image

from vaebench.errors import VaebenchError
from vaebench.evaluation import plane
from vaebench.report import questions
from vaebench.report.answer import answer, restructured
from vaebench.report.figures import style
from vaebench.report.results import Results
from vaebench.report.site import content
from vaebench.report.site.build import build
from vaebench.report.site.content import key
from vaebench.report.site.pictures import plane as plane_of
from vaebench.report.site.pictures import png
from vaebench.study import catalogue
from vaebench.study.tidy import CELL, RUN


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_study.results(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def site(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    build(Results(results), place)
    return place


def read(path: Path) -> Any:
    """What a script of data hands to its page."""
    found = re.fullmatch(r'receive\("[\w-]+",(.*)\);\n', path.read_text(), re.DOTALL)
    assert found, path
    return json.loads(found[1])


def floats(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_every_number_of_a_cell_is_that_of_the_summary(results: Path, site: Path) -> None:
    cells, shown = read(site / "data/cells.js"), read(site / "data/study.js")["metrics"]
    summary = Results(results).summary.set_index([*CELL, "metric", "part"])
    compared = 0
    for (*cell, metric, part), row in summary.iterrows():
        if key(metric, part) not in cells["values"]:
            assert not catalogue.declared("metrics", catalogue.metric_of(metric)).get("shown", True), metric
            continue
        found = cells["values"][key(metric, part)][cells["places"].index(cell)]
        if np.isnan(row["mean"]):
            assert cells["reasons"][found[0]] == row["reason"] != "" and len(found) == 1
        else:
            ends = [None if np.isnan(row[name]) else row[name] for name in ("mean", "low", "high")]
            assert found == [*ends, row["n"]]
            compared += 1
    assert compared > 250
    assert {one["key"] for one in shown} == set(cells["values"])


def test_every_number_of_a_run_is_that_of_the_metrics(results: Path, site: Path) -> None:
    runs = read(site / "data/runs.js")
    assert len(runs["places"]) == 6 * 2 * 3
    tables = [Results(results).table(name) for name in ("metrics", "compute")]
    compared = 0
    for row in pd.concat(tables).itertuples():
        if (name := key(row.metric, row.part)) in runs["values"]:
            place = runs["places"].index([getattr(row, name) for name in RUN])
            found = runs["values"][name][place]
            assert runs["reasons"][found[0]] == row.reason if np.isnan(row.value) else found == row.value
            compared += 1
    assert compared > 1000


def test_places_are_by_block_and_in_it_in_the_order_of_tables(results: Path, site: Path) -> None:
    places = read(site / "data/cells.js")["places"]
    families = list(Results(results).study.families())
    assert [place[3] for place in places] == [2] * 6 + [3] * 6
    assert [place[2] for place in places] == families * 2


def test_the_page_tells_which_seeds_and_of_which_blocks_where_these_have_others(site: Path) -> None:
    assert read(site / "data/study.js")["seeds"] == ["3 seeds: 0, 1, 2"]
    blocks = [("mnist", 2, [0]), ("mnist", 16, [0, 1]), ("fashion_mnist", 2, [0])]
    runs = [
        (dataset, "mlp", flavour, latent, seed)
        for dataset, latent, seeds in blocks
        for flavour in ("vae", "ae")
        for seed in seeds
    ]
    assert content.seeds_of(runs) == [
        "1 seed: 0 (MNIST, MLP, latent size 2; Fashion-MNIST, MLP, latent size 2)",
        "2 seeds: 0, 1 (MNIST, MLP, latent size 16)",
    ]


def test_agreement_that_an_earlier_configuration_left_is_not_shown(results: Path, site: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(results, tmp_path / "results")
    head = ",".join((*CELL, "part", "metric", "mean", "low", "high", "seeds", "reason"))
    (folder / "tables/agreement.csv").write_text(f"{head}\ndigits,mlp,vae,2,line,mean_spearman,1,1,1,3,\n")
    build(Results(folder), tmp_path / "site")
    for name in ("cells", "study"):
        found, expected = (read(place / f"data/{name}.js") for place in (tmp_path / "site", site))
        assert "mean_spearman:line" not in json.dumps(found)
        assert found.get("values") == expected.get("values")


def test_looks_are_those_of_the_figures(results: Path, site: Path) -> None:
    study, families = read(site / "data/study.js"), Results(results).study.families()
    for name, look in style.palette(families).items():
        found = study["flavours"][name]
        assert (found["colour"], found["marker"], found["name"]) == (look.colour, look.marker, look.name)
        assert study["families"][found["family"]]["title"] == catalogue.title("flavours", families[name])


def test_the_answer_is_the_best_of_each_question(results: Path, site: Path) -> None:
    found, summary = read(site / "data/study.js")["answer"], Results(results).summary
    assert [one["question"] for one in found][::2] == ["likelihood", "reconstruction", "codes", "seeds"]
    for one in found:
        rows = summary[(summary["latent"] == one["latent"]) & (summary["metric"] == one["metric"])]
        rows = rows[~rows["flavour"].isin(["mean"]) & (rows["part"] == one["part"])].dropna(subset="mean")
        least = catalogue.declared("metrics", one["metric"])["better"] == "lower"
        leader = rows.loc[rows["mean"].idxmin() if least else rows["mean"].idxmax()]
        assert (one["flavour"], one["mean"], one["low"]) == (leader["flavour"], leader["mean"], leader["low"])
        assert {one["flavour"], *one["worse"], *one["tied"], *one["untold"]} == {*rows["flavour"]}
    assert [one["metric"] for one in found[:4]] == ["nll", "nll", "mse", "mse"]


def test_the_answer_of_a_report_names_the_same_flavours(results: Path) -> None:
    from docutils.core import publish_parts

    leaders = answer(Results(results))
    page = publish_parts(restructured(leaders), writer="html")["html_body"]
    assert "system-message" not in page
    bold = re.findall(r"<strong>(.*?)</strong>", page)
    names = style.palette(Results(results).study.families())
    assert bold == [names[leader.flavour].name for leader in leaders]


def test_a_map_holds_the_arrays_of_the_gallery(results: Path, site: Path) -> None:
    gallery = np.load(results / "evaluations/digits/mlp/ae/z2/gallery.npz")
    found = read(site / "data/planes/digits-mlp-z2-ae.js")
    for name, array in (
        ("metric", "plane_metric"),
        ("magnification", "plane_log_magnification"),
        ("codes", "plane_codes"),
    ):
        np.testing.assert_array_equal(floats(found[name]), gallery[array].ravel())
    assert (found["nodes"], found["side"], found["shape"]) == (plane.NODES, plane.IMAGES, [8, 8])
    sprite = np.asarray(Image.open(io.BytesIO(base64.b64decode(found["images"].partition(",")[2]))), float)
    assert sprite.shape == (24 * 8, 24 * 8)
    tiles = sprite.reshape(24, 8, 24, 8).swapaxes(1, 2)
    assert np.abs(tiles - gallery["plane_images"][:, :, 0]).max() <= 255 / 23 / 2 + 0.5
    assert found["labels"] == gallery["plane_labels"].tolist() and found["names"] == {}
    named = plane_of({**gallery, "classes": np.array(list("abcdefghij"))})["names"]
    assert [named[label] for label in sorted(set(found["labels"]))] == [*"abcdefghij"][: max(found["labels"]) + 1]


def test_what_has_no_map_says_why(site: Path) -> None:
    assert read(site / "data/planes/digits-mlp-z2-vq_vae.js") == {"reason": "its latents are discrete"}
    assert "no latent direction is active" in read(site / "data/planes/digits-mlp-z2-mean.js")["reason"]
    assert not list(site.glob("data/planes/*z3*"))


def test_strips_are_the_images_of_the_gallery(results: Path, site: Path) -> None:
    sheet = read(site / "data/sheets/digits-mlp-z3.js")
    assert sheet["count"] == 4 and set(sheet["flavours"]) == set(tiny_study.STUDY["flavours"])
    gallery = np.load(results / "evaluations/digits/mlp/svae/z3/gallery.npz")
    assert sheet["flavours"]["svae"]["samples: prior"] == png(gallery["samples"])
    assert "samples: prior" not in sheet["flavours"]["ae"] and "reconstructions" in sheet["flavours"]["ae"]


def test_images_stand_in_their_places() -> None:
    images = np.arange(6)[:, None, None, None] / 23 * np.ones((6, 3, 2, 2))
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(png(images, across=3).partition(",")[2]))))
    assert decoded.shape == (4, 6, 3)
    np.testing.assert_array_equal(decoded[::2, ::2, 0], np.round(np.arange(6) * 255 / 23).reshape(2, 3))


def test_the_same_results_give_the_same_bytes(results: Path, site: Path, tmp_path: Path) -> None:
    build(Results(results), tmp_path)
    names = sorted(path.relative_to(site) for path in site.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    for name in names:
        assert (site / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_pages_ask_for_nothing_from_outside_and_for_what_is_there(site: Path) -> None:
    for page in site.glob("*.html"):
        for link in re.findall(r'(?:src|href)="([^"]*)"', page.read_text()):
            assert link == "data:," or (site / link).is_file(), (page, link)
    for text in (path.read_text() for path in site.iterdir() if path.suffix in (".js", ".css", ".html")):
        assert not re.search(r"fetch\(|XMLHttpRequest|import\(|https?://(?!www\.w3\.org/2000/svg)", text)


def test_a_site_is_made_of_tables_alone(results: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(results, bare, ignore=shutil.ignore_patterns("runs", "evaluations", "data"))
    build(Results(bare), tmp_path / "site")
    study = read(tmp_path / "site/data/study.js")
    assert (study["sheets"], study["planes"], study["cards"]) == ([], [], [])
    assert len(study["answer"]) == 8


def test_a_damaged_gallery_is_told_in_one_line(results: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(results, tmp_path / "broken", ignore=shutil.ignore_patterns("runs"))
    (broken / "evaluations/digits/mlp/ae/z2/gallery.npz").write_bytes(b"PK")
    with pytest.raises(VaebenchError, match=r"ae/z2/gallery\.npz: cannot be read as arrays"):
        build(Results(broken), tmp_path / "site")
    assert not (tmp_path / "site/index.html").exists()


def test_the_metric_of_a_map_is_how_far_its_images_are_apart(results: Path) -> None:
    """Of neighbouring nodes: the length of the step by the metric at both is the distance of what is decoded there."""
    import torch

    from vaebench.evaluation.plane import STANDARD
    from vaebench.model.recipe import load

    found = np.load(results / "evaluations/digits/mlp/ae/z2/gallery.npz")
    assert tuple(found["plane_axes"]) == STANDARD
    means = found["latent_means"].astype(float)
    values, vectors = np.linalg.eigh(np.cov(means.T))
    model = load(results / "runs/digits/mlp/ae/z2/seed0/best.safetensors").double()
    x, y = np.meshgrid(found["plane_x"], found["plane_y"])
    chart = torch.tensor(np.stack((x, y), -1) @ (vectors * np.sqrt(values)).T + means.mean(0))
    with torch.no_grad():
        images = model.decoder(chart).mean.flatten(2).numpy()
    xx, xy, yy = found["plane_metric"].astype(float)
    for axis, squares in ((1, xx), (0, yy)):
        apart = np.linalg.norm(np.diff(images, axis=axis), axis=-1)
        roots = np.sqrt(squares) * np.diff(found["plane_x"])[0]
        length = 0.5 * (np.delete(roots, 0, axis) + np.delete(roots, -1, axis))
        np.testing.assert_allclose(length, apart, rtol=0.02)
    logs = 0.5 * np.log(xx * yy - xy**2)
    np.testing.assert_allclose(found["plane_log_magnification"], logs, atol=1e-3)
    shown = 255 * images[::2, ::2].reshape(24, 24, 8, 8)
    assert np.abs(found["plane_images"][:, :, 0] - shown).max() <= 0.51


def test_tables_and_figures_are_filed_by_questions_that_there_are() -> None:
    stated = {questions.of_table(table) for table in [*catalogue.groups("metrics"), *questions.OF_TABLES]}
    assert stated == set(questions.QUESTIONS)
    assert {questions.of_figure(name) for name in catalogue.names("figures")} <= {*questions.QUESTIONS}
    others = {"pareto": "cost", "components": "seeds", "ranks": "seeds"}
    for name in catalogue.names("statistics"):
        assert questions.of_statistic(name) == others.get(name, "best")
    filed = [questions.category(question) for question in questions.QUESTIONS]
    assert filed == sorted(filed) and len(filed) < 10 and questions.category(None) == "Other"


def test_what_answers_a_question_has_a_direction() -> None:
    for table in catalogue.groups("metrics"):
        for metric in catalogue.constant("metrics", table, "ANSWER") or ():
            assert metric in catalogue.names("metrics", table)
            assert catalogue.declared("metrics", metric)["better"] in ("higher", "lower")
