"""Tables of the benchmark's own size: how they split, what is marked, and pages that sort and compile."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages import grid

from vaebench.report.differences import COLUMNS
from vaebench.report.summary import summarise
from vaebench.report.tables import columns
from vaebench.report.tables.forms import forms
from vaebench.report.tables.parts import MOST, parts
from vaebench.report.tables.shown import Results
from vaebench.report.tables.sorting import SCRIPT
from vaebench.study import catalogue, views
from vaebench.study.tidy import METRICS

FAMILIES = {name: family for family, names in catalogue.groups("flavours").items() for name in names}
SAMPLERS = {"gaussian_mixture": "gaussian_mixture", "normal": "prior"}
KINDS = ("pixel", "latent", "mahalanobis", "untrained", "ends", "line", "geodesic", "shuffled")
LEARNED = ("density", "ensemble", "expected")


def conditions(dataset: str, flavour: str, latent: int, **other: Any) -> dict[str, Any]:
    cell = {
        "dataset": dataset,
        "architecture": "mlp",
        "flavour": flavour,
        "latent": latent,
        "precision": "float32",
        "warmup": 0,
    }
    cell |= {name: {"name": label, "settings": {}} for name, label in (("objective", flavour), ("network", "mlp"))}
    cell["objective"]["settings"] = catalogue.settle("flavours", flavour, {})
    cell["network"]["settings"] = catalogue.settle("networks", "mlp", {})
    cell |= {"likelihood": "bernoulli", "likelihood_settings": {}, "convention": "dynamic", "masking": 0.0}
    cell |= {"selection": "last epoch", "seeds": [0, 1, 2], "diverged": [], "pairs": 40, "test_sha256": dataset}
    cell |= {"test_images": 100, "importance_samples": 10, "importance_images": 100, "generated_images": 300}
    cell |= {"samplers": {label: {"name": name, "settings": {}} for label, name in SAMPLERS.items()}, "points": 20}
    cell |= {"judge": {"kind": "components", "floor": {}, "noise": {}}, "geometry_metrics": ["fisher_rao"]}
    return json.loads(json.dumps(cell | other))


def made(values: dict[tuple[str, str, str], float | str], dataset: str = "mnist", latent: int = 2) -> Results:
    """Results of one seed from values, or reasons for none, by flavour, metric and part."""
    rows = [
        (
            dataset,
            "mlp",
            flavour,
            latent,
            0,
            part,
            metric,
            *((np.nan, np.nan, v) if isinstance(v, str) else (v, np.nan, "")),
        )
        for (flavour, metric, part), v in values.items()
    ]
    flavours = dict.fromkeys(flavour for flavour, _, _ in values)
    summary = summarise(pd.DataFrame(rows, columns=METRICS))
    return Results(
        families={name: family for name, family in FAMILIES.items() if name in flavours},
        conditions=[conditions(dataset, flavour, latent, seeds=[0]) for flavour in flavours],
        summary=summary,
        compute=summary,
        differences=pd.DataFrame(columns=COLUMNS),
    )


def pages(text: str) -> dict[str, list[list[str]]]:
    """Cells of a page's tables, without the headings, by the headings above each."""
    return {name: rows[1:] for name, rows in grid(text).items()}


# Parts


def test_agreement_splits_by_what_is_asked() -> None:
    given = [("mean_spearman", kind) for kind in ("latent", "line - ends", *KINDS[:1], "ends", "line", "shuffled")]
    given += [("reliability", "latent"), ("scale_free_variation", "latent"), ("corrected_p", "line - latent")]
    assert parts("agreement", given) == {
        "concordance of distances": [("mean_spearman", kind) for kind in ("latent", "ends", "line")],
        "what curves add to the concordance of ends": [("mean_spearman", "line - ends")],
        "concordance of baselines": [("mean_spearman", kind) for kind in ("pixel", "shuffled")],
        "reliability of distances": [("reliability", "latent")],
        "variation of distances": [("scale_free_variation", "latent"), ("corrected_p", "line - latent")],
    }


def test_one_metric_of_many_parts_splits_into_distances_and_baselines() -> None:
    given = [("class_separation", f"{kind} pairs") for kind in (*KINDS, *LEARNED)]
    found = parts("validity", given)
    assert list(found) == ["class separation", "class separation, baselines"]
    assert [part for _, part in found["class separation, baselines"]] == [
        "pixel pairs", "untrained pairs", "shuffled pairs",
    ]  # fmt: skip
    assert len(found["class separation"]) == 8


def test_parts_are_those_of_the_folder_and_what_it_does_not_name_stands_behind_them() -> None:
    names = columns.members("generation")
    assert names[:2] == ["frechet_distance", "kernel_distance"]
    found = parts("generation", [(name, "") for name in names])
    assert list(found) == ["distances of distributions", "fidelity and coverage"]
    assert [name for name, _ in found["fidelity and coverage"]] == [
        "precision", "recall", "density", "coverage", "memorisation",
    ]  # fmt: skip
    found = parts("generation", [(name, "") for name in (*names, "other_judges_distance")])
    assert list(found)[2:] == ["other judges distance"]
    assert list(parts("likelihood", [(name, "") for name in columns.members("likelihood")])) == [""]


def test_metrics_stay_whole_where_they_fit() -> None:
    scores = ("", "_distortion", "_elbo", "_nll", "_rate")
    found = parts("detection", [(f"{name}{score}", "") for name in ("aupr", "auroc", "fpr_95") for score in scores])
    assert {title: len(group) for title, group in found.items()} == {"AUPR": 5, "AUROC": 5, "FPR 95": 5}
    found = parts("latent", [(f"kl_per_dimension_{index}", "") for index in range(10)])
    assert [len(group) for group in found.values()] == [8, 2]


@pytest.mark.parametrize("table", catalogue.groups("metrics"))
def test_what_folders_say_of_parts_and_headlines_are_their_own_metrics(table: str) -> None:
    own = catalogue.names("metrics", table)
    named = [name for names in (catalogue.constant("metrics", table, "PARTS") or {}).values() for name in names]
    assert len(named) == len(set(named)) and set(named) <= set(own)
    assert set(catalogue.constant("metrics", table, "HEADLINE") or ()) <= set(own)
    assert sorted(columns.members(table)) == [
        name for name in own if catalogue.declared("metrics", name).get("shown", True)
    ]


# Marks


def test_why_values_are_missing_is_said_at_the_column_else_at_the_row_else_at_the_value() -> None:
    names = ("nll", "elbo", "rate")
    values: dict[tuple[str, str, str], float | str] = {(f, n, ""): 1.0 for f in ("vae", "iwae", "ae") for n in names}
    values |= {("vae", "rate", ""): "column", ("iwae", "rate", ""): "column"}
    values |= {("ae", "nll", ""): "row", ("ae", "elbo", ""): "row", ("vae", "elbo", ""): "value"}
    text = forms(made(values), "likelihood")["md"]
    assert "| NLL (nats) ↓ | ELBO (nats) ↑ | rate (nats)<sup>1</sup> |" in text
    assert list(pages(text).values()) == [
        [
            ["Gaussian posterior and prior", "VAE", "1", "—<sup>2</sup>", "—"],
            ["Tighter bounds", "IWAE", "1", "1", "—"],
            ["Deterministic codes", "AE<sup>3</sup>", "—", "—", "1"],
        ]
    ]
    assert text.endswith("\n\n<sup>1</sup> column  \n<sup>2</sup> value  \n<sup>3</sup> row\n")


def test_what_is_no_better_than_the_mean_image_is_marked_where_that_says_something() -> None:
    values: dict[tuple[str, str, str], float | str] = {
        ("vae", "nll", ""): 90.0, ("iwae", "nll", ""): 210.0, ("mean", "nll", ""): 200.0, ("copy", "nll", ""): 300.0,
        ("vae", "rate", ""): 3.0, ("iwae", "rate", ""): 0.0, ("mean", "rate", ""): 0.0,  # none is better
        ("vae", "high_pareto_k", ""): 5.0, ("iwae", "high_pareto_k", ""): 0.0, ("mean", "high_pareto_k", ""): 0.0,
        ("vae", "elbo", ""): -7.0, ("iwae", "elbo", ""): -7.0, ("mean", "elbo", ""): -7.0,  # all are equal
    }  # fmt: skip
    (rows,) = pages(forms(made(values), "likelihood")["md"]).values()
    assert [row[2:] for row in rows] == [
        ["90", "-7", "3", "5"], ["210†", "-7", "0", "0"], [""] * 4,
        ["300", "—", "—", "—"], ["200", "-7", "0", "0"],
    ]  # fmt: skip


def test_the_best_sampler_stands_beside_the_prior() -> None:
    scores = {("vae", "normal"): (20.0, 60.0), ("vae", "gaussian_mixture"): (15.0, 55.0)}
    scores |= {("iwae", "normal"): (12.0, 70.0), ("iwae", "gaussian_mixture"): (14.0, 75.0)}
    scores |= {("ae", "gaussian_mixture"): (16.0, 50.0)}
    values: dict[tuple[str, str, str], float | str] = {
        (flavour, metric, sampler): value
        for (flavour, sampler), pair in scores.items()
        for metric, value in zip(("frechet_distance", "precision"), pair, strict=True)
    }
    values |= {("ae", metric, "normal"): "it has no prior" for metric in ("frechet_distance", "precision")}
    text = forms(made(values), "generation")["md"]
    found = pages(text)
    assert found["Prior and best sampler: MNIST, MLP, latent size 2"] == [
        ["Gaussian posterior and prior", "VAE", "gaussian mixture", "20", "15", "60", "55"],
        ["Tighter bounds", "IWAE", "normal", "12", "12", "70", "70"],
        ["Deterministic codes", "AE<sup>1</sup>", "gaussian mixture", "—", "16", "—", "50"],
    ]
    assert found["Every sampler: distances of distributions: MNIST, MLP, latent size 2"][:2] == [
        ["Gaussian posterior and prior", "VAE", "gaussian mixture", "15"],
        ["", "", "normal", "20"],
    ]
    assert "- Best sampler: of 2 the one with a flavour's best Fréchet distance in this table" in text


# The benchmark's own size

EVERY = {views.of(table) for table in catalogue.groups("metrics")}
CURVED = ("geometry", "curvature")
CONTROLS = {"copy (control)", "mean (control)"}


@pytest.fixture(scope="module")
def large() -> Results:
    """Of every flavour at four latent sizes of two datasets, three seeds, with the parts that metrics have."""
    generator = np.random.default_rng(0)
    cells = list(itertools.product(("mnist", "fashion_mnist"), FAMILIES, (2, 8, 16, 64)))
    names = []
    for table in columns.tables(EVERY, "thorough", differences=False):
        every = SAMPLERS if columns.over(table) == "Sampler" else ("omniglot",) if columns.over(table) else ("",)
        every = [f"{kind} pairs" for kind in (*KINDS, *LEARNED)] if table == "validity" else every
        every = ("test", "prior", "midpoint") if table in CURVED else every
        names += [(name, part) for name in columns.members(table) if table != "agreement" for part in every]
    distances = [("mean_spearman", kind) for kind in (*KINDS, *LEARNED, "line - ends", "geodesic - ends")]
    distances += [(name, kind) for name in ("reliability", "scale_free_variation") for kind in KINDS[1:7]]
    rows = pd.DataFrame(
        [(d, "mlp", f, z, part, name) for d, f, z in cells for name, part in [*names, *distances]],
        columns=["dataset", "architecture", "flavour", "latent", "part", "metric"],
    )
    mean = 10.0 ** generator.uniform(-3, 4, len(rows)) * generator.choice([-1, 1], len(rows))
    half = np.abs(mean) * generator.uniform(0.0001, 0.3, len(rows))
    rows = rows.assign(n=3, seeds=3, mean=mean, low=mean - half, high=mean + half, error=half, reason="")
    rows = rows.assign(lowest=rows["low"], highest=rows["high"])
    lost = (rows["flavour"] == "ae") & (rows["metric"] == "elbo")
    rows.loc[lost, ["mean", "low", "high"]] = np.nan
    rows.loc[lost, "reason"] = "it has no prior"
    return Results(
        families=FAMILIES,
        conditions=[conditions(*cell) for cell in cells],
        summary=rows,
        compute=rows,
        differences=pd.DataFrame(columns=COLUMNS),
        agreement=rows,
    )


@pytest.fixture(scope="module")
def written(large: Results) -> dict[str, dict[str, str]]:
    return {table: forms(large, table) for table in columns.tables(EVERY, "thorough", differences=False)}


def test_every_flavour_is_in_every_block_by_family_and_no_sheet_is_wide(written: dict[str, dict[str, str]]) -> None:
    titles = {catalogue.title("flavours", family): names for family, names in catalogue.groups("flavours").items()}
    for table, texts in written.items():
        found = pages(texts["md"])
        assert len({name.rpartition(": ")[2] for name in found}) == 8, table
        names = 1 + bool(columns.over(table))
        for title, rows in found.items():
            assert [row[0] for row in rows if row[0]] == list(titles), (table, title)
            assert len([row for row in rows if row[1]]) == len(FAMILIES) == 41, (table, title)
            controls = next(index for index, row in enumerate(rows) if row[0] == "Controls")
            assert not any(rows[controls - 1]) and {row[1] for row in rows[controls:]} - {""} == CONTROLS
            assert all(len(row) - 1 - max(names, 2 * title.startswith("Prior")) <= MOST for row in rows)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex (Debian: texlive-latex-recommended)")
@pytest.mark.parametrize("table", ["likelihood", "generation", "validity", "agreement"])
def test_latex_compiles_and_no_page_is_overfull(written: dict[str, dict[str, str]], table: str, tmp_path: Path) -> None:
    (tmp_path / "table.tex").write_text(written[table]["tex"])
    packages = written[table]["tex"].partition("Packages: ")[2].partition(".")[0].replace(" ", "")
    (tmp_path / "page.tex").write_text(
        r"\documentclass[a4paper]{article}\usepackage[margin=2cm]{geometry}\usepackage{"
        + packages
        + r"}\begin{document}\input{table}\end{document}"
    )
    for _ in range(2):
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "page.log").read_text(errors="replace")
    assert "Overfull" not in log and "Missing character" not in log and (tmp_path / "page.pdf").stat().st_size > 10_000
    labels = re.findall(r"\\caption\{(.*?)\} ", written[table]["tex"])
    assert len(labels) == len(set(labels)) >= 8


# Sorting


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to run the page's script in")
def test_the_order_of_rows() -> None:
    code = (
        SCRIPT
        + """
    const values = [3, null, -Infinity, 10, 3];
    console.log(JSON.stringify([
      ordered(values, "ascending"), ordered(values, "descending"), ordered(["b", "B", "a"], "ascending"),
      ["none", "descending", "ascending"].map(direction => following(direction, "descending")),
      ["none", "ascending", "descending"].map(direction => following(direction, "ascending")),
    ]));"""
    )
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [
        [2, 0, 4, 3, 1],
        [3, 0, 4, 2, 1],
        [2, 0, 1],
        ["descending", "ascending", "none"],
        ["ascending", "descending", "none"],
    ]


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium (Debian: chromium)")
def test_pages_sort_in_a_browser_by_keys_and_controls_stay_below(tmp_path: Path) -> None:
    """Headings are buttons: what presses them with the keyboard is the browser's own."""
    values: dict[tuple[str, str, str], float | str] = {
        (flavour, name, ""): value
        for flavour, pair in {"vae": (90.0, -95.0), "iwae": (85.0, -97.0), "mean": (1.0, -1.0)}.items()
        for name, value in zip(("nll", "elbo"), pair, strict=True)
    }
    values |= {("ae", "nll", ""): "none", ("ae", "elbo", ""): "none"}
    page = forms(made(values), "likelihood")["html"]
    press = """<script>
    const told = [], heads = [...document.querySelectorAll("thead button")];
    const press = index => {
      heads[index].focus(); document.activeElement.click();
      const names = [...document.querySelectorAll("tbody tr")].map(row => row.cells[1].textContent.replace(/\\d/g, ""));
      told.push([names, [...document.querySelectorAll("thead th")].map(head => head.getAttribute("aria-sort"))]);
    };
    [2, 2, 2, 3, 1].forEach(press);
    document.body.innerHTML = "<pre id=told>" + JSON.stringify(told) + "</pre>";
    </script>"""
    (tmp_path / "page.html").write_text(page.replace("</body>", press + "</body>"))
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
        f"--user-data-dir={tmp_path}/c",
    ]
    done = subprocess.run([*command, (tmp_path / "page.html").as_uri()], capture_output=True, text=True, timeout=120)
    told = json.loads(done.stdout.partition('<pre id="told">')[2].partition("</pre>")[0])
    rest = ["mean (control)"]
    assert told == [
        [["IWAE", "VAE", "AE", *rest], ["none", "none", "ascending", "none"]],
        [["VAE", "IWAE", "AE", *rest], ["none", "none", "descending", "none"]],
        [["VAE", "IWAE", "AE", *rest], ["none", "none", "none", "none"]],
        [["VAE", "IWAE", "AE", *rest], ["none", "none", "none", "descending"]],
        [["AE", "IWAE", "VAE", *rest], ["none", "ascending", "none", "none"]],
    ]


def test_pages_name_their_language_and_need_nothing_else(written: dict[str, dict[str, str]]) -> None:
    for texts in written.values():
        page = texts["html"]
        assert page.startswith('<!doctype html>\n<html lang="en">') and not re.search(r"(src|href)=\"(?!#)", page)
        heads = re.findall(r"<th [^>]*>", page)
        assert heads and all('scope="col"' in head and 'aria-sort="none"' in head for head in heads)
        assert page.count('<button type="button">') == len(heads)
