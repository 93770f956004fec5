"""Tables: laid out and rendered numbers against their summaries."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages import grid
from scipy import stats

from vaebench.errors import VaebenchError
from vaebench.report.concordance import COLUMNS as AGREEMENT
from vaebench.report.differences import COLUMNS
from vaebench.report.statistics import _page
from vaebench.report.summary import summarise
from vaebench.report.tables import columns
from vaebench.report.tables.entry import Entry, number
from vaebench.report.tables.forms import FORMS, forms
from vaebench.report.tables.html import of_markdown
from vaebench.report.tables.latex import escape, latex
from vaebench.report.tables.markdown import markdown
from vaebench.report.tables.sheets import sheets
from vaebench.report.tables.shown import Results, below, shown
from vaebench.report.tables.text import Table, laid
from vaebench.report.tables.wide import wide
from vaebench.study import catalogue, views
from vaebench.study.naming import metric_name, readable
from vaebench.study.tidy import METRICS

EVERY = {views.of(table) for table in catalogue.groups("metrics")}
FAMILIES = {"ae": "deterministic", "beta_vae": "gaussian", "vae": "gaussian", "copy": "controls", "mean": "controls"}
NO_PRIOR = "it has no prior & 50 % | less"
ELBOS = {"vae": [-100.0, -102.0, -101.5], "beta_vae": [-110.0, -111.0, -112.0], "copy": [-1.0, -1.0, -1.0]}


def metrics() -> pd.DataFrame:
    rows = [
        ("mnist", "mlp", flavour, 2, seed, "", "elbo", value, 0.512, "")
        for flavour, values in ELBOS.items()
        for seed, value in enumerate(values)
    ]
    rows += [("mnist", "mlp", "ae", 2, seed, "", "elbo", np.nan, np.nan, NO_PRIOR) for seed in range(3)]
    rows += [
        ("mnist", "mlp", "ae", 2, 0, "", "mse", 0.01234567, 0.001, ""),
        ("mnist", "mlp", "ae", 2, 1, "", "mse", np.nan, np.nan, "the value is nan"),
        ("mnist", "mlp", "vae", 2, 0, "", "mse", 0.02, 0.001, ""),
        ("mnist", "mlp", "vae", 2, 1, "", "mse", 0.02, 0.001, ""),
        ("mnist", "mlp", "copy", 2, 0, "", "mse", 0.0, 0.0, ""),
        ("mnist", "mlp", "copy", 2, 0, "", "psnr", np.inf, np.nan, ""),
        ("mnist", "mlp", "copy", 2, 1, "", "psnr", np.inf, np.nan, ""),
    ]
    return pd.DataFrame(rows, columns=METRICS)


def cell(flavour: str, **other: Any) -> dict[str, Any]:
    """Conditions of a cell whose label is a flavour's name."""
    names = {"dataset": "mnist", "architecture": "mlp", "flavour": flavour, "latent": 2}
    objective = {"name": flavour, "settings": catalogue.settle("flavours", flavour, {})}
    network = {"name": "mlp", "settings": catalogue.settle("networks", "mlp", {})}
    return json.loads(json.dumps(names | CONDITIONS | {"objective": objective, "network": network} | other))


CONDITIONS: dict[str, Any] = {
    "likelihood": "bernoulli",
    "likelihood_settings": {},
    "convention": "dynamic",
    "masking": 0.0,
    "precision": "float32",
    "warmup": 0,
    "selection": "least loss on validation images",
    "seeds": [0, 1, 2],
    "diverged": [],
    "test_images": 360,
    "importance_samples": 10,
    "importance_images": 100,
    "samplers": {"prior": {"name": "prior", "settings": {}}, "mixture": {"name": "gaussian_mixture", "settings": {}}},
    "generated_images": 300,
    "judge": {
        "kind": "classifier",
        "accuracy": 0.9931,
        "sha256": "b",
        "fault": "",
        "floor": {"precision": 90.1},
        "noise": {"precision": 0.25, "recall": 3.0},
    },
    "geometry_metrics": ["fisher_rao"],
    "points": 20,
    "pairs": 6,
    "test_sha256": "a",
}


def results(rows: pd.DataFrame | None = None, *, bold: Sequence[tuple[str, str]] = (), **conditions: Any) -> Results:
    """Of rows of metrics; each flavour ``bold`` in a metric is tied with its best, and all others are told from it.

    ``conditions`` are changes to those of flavours, by their names.
    """
    summary = summarise(metrics() if rows is None else rows)
    differences = pd.DataFrame(
        [
            (*row[:4], row.part, row.metric, "best", "x", 3, 0, 0.0, -1.0 if tied else 1.0, 1.0, "")
            for row in summary.itertuples(index=False)
            for tied in [(row.flavour, row.metric) in bold]
        ],
        columns=COLUMNS,
    )
    flavours = summary["flavour"].unique()
    return Results(
        families={name: family for name, family in FAMILIES.items() if name in flavours},
        conditions=[cell(name, **conditions.get(name, {})) for name in flavours],
        summary=summary,
        compute=summary,
        differences=differences,
    )


BEST = [("vae", "elbo"), ("ae", "mse")]


def table() -> pd.DataFrame:
    rows, _ = shown(results(bold=BEST), "likelihood")
    more, _ = shown(results(bold=BEST), "reconstruction")
    return wide(pd.concat([rows, more]), ["elbo", "mse", "psnr"], FAMILIES)


def entry(flavour: str, metric: str) -> Entry:
    return table().loc[("mnist", "mlp", flavour, 2), (metric, "")]


def note_of(found: Results, name: str) -> str:
    """The notes below a table."""
    return "\n".join(line for line in forms(found, name)["md"].splitlines() if line.startswith("- "))


def sheet(found: Results, name: str) -> list[list[str]]:
    """The rows of a table of one sheet, the heading first."""
    (rows,) = grid(forms(found, name)["md"]).values()
    return rows


def footnotes(text: str) -> dict[str, str]:
    return dict(re.findall(r"^<sup>(\d+)</sup> (.*?)(?:  )?$", text, re.M))


# Numbers and their intervals


def test_entries_have_the_digits_that_their_interval_allows():
    half = stats.t.ppf(0.975, 2) * stats.sem(ELBOS["beta_vae"])
    assert half == pytest.approx(2.484, abs=1e-3)
    assert entry("beta_vae", "elbo").text == "-111.0 ± 2.5"
    assert entry("ae", "mse").text == "0.01235"
    assert entry("vae", "mse").text == "0.02000"
    assert entry("copy", "mse").text == "0"
    assert entry("copy", "psnr").text == "∞"


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (1234.567, 89.0, "1235 ± 89"),
        (1234.567, 8910.0, "1235 ± 8910"),
        (0.5, 0.0123, "0.500 ± 0.012"),
        (3.21e-9, 4.56e-10, "3.21e-09 ± 4.6e-10"),
        (12345.6, np.nan, "12346"),
    ],
)
def test_numbers(mean, half, text):
    assert number(mean, mean - half, mean + half) == text


@pytest.mark.parametrize(
    ("mean", "low", "high", "text"),
    [
        (0.874, 0.612, 1.0, "0.87 [0.61, 1.00]"),
        (-111.04, -113.5, -110.9, "-111.0 [-113.5, -110.9]"),
        (0.0, 0.0, 0.0, "0"),
        (2.5, np.nan, np.nan, "2.500"),
    ],
)
def test_intervals_by_their_ends(mean, low, high, text):
    assert number(mean, low, high, bracketed=True) == text


def test_differences_have_a_sign():
    assert number(3.14, 2.5, 3.9, bracketed=True, signed=True) == "+3.14 [+2.50, +3.90]"
    assert number(-0.2, -0.9, 0.4, bracketed=True, signed=True) == "-0.20 [-0.90, +0.40]"
    assert number(0.0, 0.0, 0.0, bracketed=True, signed=True) == "0"
    assert number(2.0, signed=True) == "+2"


def test_two_seeds_are_shown_by_their_values_and_one_by_its_own():
    """Not as 0.5 ± 6.4 units."""
    rows = [("mnist", "mlp", "vae", 2, seed, "", "active_units", float(seed), np.nan, "") for seed in range(2)]
    found = results(pd.DataFrame(rows, columns=METRICS), vae={"seeds": [0, 1]})
    text = forms(found, "latent")["md"]
    assert "| 0.50 [0.00, 1.00] |" in text and "±" not in text
    assert "; 2 seeds" in text and "- Of fewer than 3 seeds: mean [least, greatest value]" in text
    found = results(pd.DataFrame(rows[1:], columns=METRICS), vae={"seeds": [1]})
    text = forms(found, "latent")["md"]
    assert "| 1 |" in text and "1 seed\n" in text and "[" not in text


def test_no_interval_passes_the_bounds_of_its_quantity():
    bounded = {"ssim": (0.9, 0.95, 0.99), "mse": (0.001, 0.002, 0.005), "used_codes": (50.0, 90.0, 100.0)}
    rows = [
        ("mnist", "mlp", "vae", 2, seed, "", name, value, np.nan, "")
        for name, values in bounded.items()
        for seed, value in enumerate(values)
    ]
    found = results(pd.DataFrame(rows, columns=METRICS))
    text = forms(found, "reconstruction")["md"] + forms(found, "latent")["md"]
    for interval in ("0.947 [0.835, 1.000]", "0.0027 [0.0000, 0.0078]", "80 [14, 100]"):
        assert f"| {interval} |" in text
    assert text.count("Mean [low, high] where the interval ends at a bound of the quantity") == 2


def test_bounds_are_declared_where_there_are_any():
    assert columns.quantity("ssim").most == 1 and columns.quantity("mse").least == 0
    for table in columns.tables(EVERY, "thorough", differences=True):
        for name in columns.members(table):
            quantity = columns.quantity(name)
            assert quantity.unit != "%" or (quantity.least, quantity.most) == (0, 100)


def test_the_largest_errors_over_images_are_stated():
    text = note_of(results(), "likelihood")
    assert "\n- Intervals are for these test images, over which standard errors are at most ELBO 0.51 nats\n" in text


# Bold


def test_bold_is_what_the_paired_differences_do_not_tell_from_the_best():
    bold = {(index[2], column[0]) for column, items in table().items() for index, item in items.items() if item.bold}
    assert bold == set(BEST)
    assert "\n- Bold: the best of a block, and all whose mean lies in its interval" in note_of(
        results(bold=BEST), "likelihood"
    )


def test_a_mean_outside_the_interval_of_the_best_is_not_bold_however_wide_its_own():
    found = results(bold=[*BEST, ("beta_vae", "elbo")])
    best = found.summary.query("flavour == 'vae' and metric == 'elbo'").iloc[0]
    half = (best["high"] - best["low"]) / 2
    for far, expected in ((0.9 * half, True), (1.1 * half, False)):
        ties = found.differences.assign(against="vae", mean=-far)
        rows, _ = shown(dataclasses.replace(found, differences=ties), "likelihood")
        assert bool(rows.query("flavour == 'beta_vae' and metric == 'elbo'")["bold"].iloc[0]) is expected


def test_nothing_is_bold_without_support():
    assert "**" not in forms(results(), "likelihood")["md"]


def test_differences_are_bold_where_they_are_better_beyond_doubt():
    rows = [
        ("mnist", "mlp", flavour, 2, "", metric, "reference", "vae", n, 50, mean, low, high, reason)
        for flavour, metric, n, mean, low, high, reason in (
            ("ae", "elbo", 0, np.nan, np.nan, np.nan, NO_PRIOR),
            ("ae", "mse", 3, -0.5, -0.7, -0.1, ""),
            ("beta_vae", "elbo", 3, 2.0, -0.3, 4.6, ""),
            ("beta_vae", "mse", 2, 0.5, 0.3, 0.8, ""),
            ("beta_vae", "rate", 3, 0.5, 0.3, 0.8, ""),
            ("copy", "elbo", 3, 9.0, 8.0, 9.5, ""),
            ("copy", "mse", 3, 0.0, 0.0, 0.0, ""),
        )
    ]
    found = dataclasses.replace(results(), differences=pd.DataFrame(rows, columns=COLUMNS))
    text = forms(found, "differences")["md"]
    assert grid(text) == {
        "How probable test images are: MNIST, MLP, latent size 2": [
            ["Family", "Flavour", "ELBO (nats) ↑"],
            ["Deterministic codes", "AE", "—<sup>1</sup>"],
            ["Gaussian posterior and prior", "β-VAE", "+2.0 [-0.3, +4.6]"],
            ["", "", ""],
            ["Controls", "copy (control)", "+9.00 [+8.00, +9.50]"],
        ],
        "How near reconstructions are: MNIST, MLP, latent size 2": [
            ["Family", "Flavour", "MSE ↓"],
            ["Deterministic codes", "AE", "**-0.50 [-0.70, -0.10]**"],
            ["Gaussian posterior and prior", "β-VAE", "+0.50 [+0.30, +0.80]<sup>2</sup>"],
            ["", "", ""],
            ["Controls", "copy (control)", "0"],
        ],
    }
    assert "- Flavour less VAE on the same seeds and test images, mean [95 % interval: bootstrap over images, " in text
    assert footnotes(text) == {"1": NO_PRIOR, "2": "interval over images alone, of fewer than 3 seeds"}


def test_a_study_of_the_reference_alone_has_an_empty_table_of_differences():
    found = dataclasses.replace(results(), differences=pd.DataFrame(columns=COLUMNS))
    for text in forms(found, "differences").values():
        assert "VAE" not in text.partition("ata convention")[0]


def test_agreement_is_bold_where_intervals_meet_that_of_the_best():
    cells = {"ae": (0.9, 0.8, 0.95), "beta_vae": (0.7, 0.6, 0.81), "vae": (0.5, 0.4, 0.79), "copy": (1.0, 1.0, 1.0)}
    rows = [("mnist", "mlp", name, 2, "line", "mean_spearman", 6, 3, *cells[name], "") for name in cells]
    agreement = pd.DataFrame(rows, columns=AGREEMENT)
    rows = sheet(dataclasses.replace(results(), agreement=agreement), "agreement")
    assert [row[1:] for row in rows] == [
        ["Flavour", "mean Spearman (line) ↑"],
        ["AE", "**0.900 [0.800, 0.950]**"],
        ["β-VAE", "**0.70 [0.60, 0.81]**"],
        ["VAE", "0.50 [0.40, 0.79]"],
        ["", ""],
        ["copy (control)", "1"],
    ]


# Conditions


def test_what_most_cells_share_is_stated_once_and_what_others_do_instead_at_their_names():
    other = {
        "selection": "last epoch",
        "masking": 0.25,
        "precision": "bfloat16",
        "likelihood": "gaussian",
        "likelihood_settings": {"sigma": 0.1},
    }
    text = forms(results(ae=other), "likelihood")["md"]
    line = (
        "Data convention: dynamic; likelihood: bernoulli; no masking; weights kept: least loss on validation images; "
        "3 seeds; NLL and effective sample size: K = 10 importance samples for 100 of 360 test images\n- Mean ± "
    )
    assert line in text
    said = footnotes(text)
    named = {name: numbers.split(", ") for name, numbers in re.findall(r" \| ([^|]*?)<sup>([\d, ]*)</sup> \| ", text)}
    assert {name: [said[number] for number in numbers] for name, numbers in named.items()} == {
        "AE": [
            "likelihood: gaussian (sigma = 0.1)",
            "training with 25% of the pixels masked, training in bfloat16",
            "weights kept: last epoch",
        ]
    }


def test_what_labels_stand_for_is_said_where_it_is_not_a_files_name_alone():
    objective = {"name": "beta_vae", "settings": {"beta": 10.0}}
    network = {"name": "mlp", "settings": catalogue.settle("networks", "mlp", {"hidden": [64]})}
    every = {name: {"network": network} for name in FAMILIES}
    text = forms(results(**every | {"beta_vae": every["beta_vae"] | {"objective": objective}}), "likelihood")["md"]
    assert "; MLP is mlp (hidden = [64])\n" in text
    assert "| β-VAE<sup>2</sup> |" in text and "<sup>2</sup> beta_vae (beta = 10.0)" in text


def test_seeds_that_diverged_are_counted_at_the_name_and_values_that_lack_at_the_value():
    rows = metrics()
    rows.loc[(rows["flavour"] == "vae") & (rows["metric"] == "elbo") & (rows["seed"] == 2), "value"] = np.nan
    text = forms(results(rows, vae={"diverged": [2]}), "likelihood")["md"]
    assert "| VAE<sup>2</sup> | -101.0 [-102.0, -100.0] |" in text
    assert "<sup>2</sup> 1 of 3 seeds diverged, left out" in text
    text = forms(results(rows), "likelihood")["md"]
    assert "| VAE | -101.0 [-102.0, -100.0]<sup>2</sup> |" in text and "<sup>2</sup> of 2 of 3 seeds" in text


def test_a_flavour_that_learns_less_than_the_mean_image_is_marked_in_every_table():
    values = {"vae": (-100.0, 0.05), "beta_vae": (-120.0, 0.06), "copy": (-300.0, 0.5), "mean": (-110.0, 0.055)}
    rows = [
        ("mnist", "mlp", flavour, 2, 0, "", name, value, np.nan, "")
        for flavour, pair in values.items()
        for name, value in zip(("elbo", "mse"), pair, strict=True)
    ]
    found = results(pd.DataFrame(rows, columns=METRICS))
    assert below(found) == {("mnist", "mlp", "beta_vae", 2): "ELBO, MSE worse than the mean image's"}
    for name in ("likelihood", "reconstruction"):
        text = forms(found, name)["md"]
        assert "| β-VAE<sup>1</sup> |" in text and "<sup>1</sup> ELBO, MSE worse than the mean image's" in text
        assert "- †: no better than the control that returns the mean image\n" in text
    values = {row[1].partition("<")[0]: row[2].partition("<")[0] for row in sheet(found, "likelihood")[1:]}
    expected = {"β-VAE": "-120†", "VAE": "-100", "": "", "copy (control)": "-300", "mean (control)": "-110"}
    assert values == expected
    otherwise = [row | {"convention": "none"} if row["flavour"] == "mean" else row for row in found.conditions]
    apart = dataclasses.replace(found, conditions=otherwise)
    assert below(apart) == {} and "†" not in forms(apart, "likelihood")["md"]


# Layout


def test_missing_values_are_dashes_with_their_reason():
    assert entry("ae", "elbo") == Entry("—", False, NO_PRIOR)
    assert entry("vae", "psnr") == Entry("—", False, "not measured")


def test_columns_without_any_number_are_left_out_and_the_note_says_why():
    lacking = [("mnist", "mlp", "vae", 2, 0, part, "learned_agreement", np.nan, np.nan, "no metric") for part in "ab"]
    given = [("mnist", "mlp", "vae", 2, 0, "", "active_directions", 2.0, np.nan, "")]
    text = forms(results(pd.DataFrame(lacking + given, columns=METRICS)), "geometry")["md"]
    assert next(iter(grid(text).values()))[0] == ["Family", "Flavour", "active directions"]
    assert "\n- No learned agreement (a, b): no metric\n" in text
    alone = forms(results(pd.DataFrame(lacking, columns=METRICS)), "geometry")["md"]
    assert "learned agreement (a) | learned agreement (b)" in alone


@pytest.mark.parametrize("order", [("ae", "beta_vae", "vae", "copy"), ("copy", "vae", "ae", "beta_vae")])
def test_blocks_follow_the_families_end_with_the_controls_and_ascend_in_latent_size(order):
    families = {flavour: FAMILIES[flavour] for flavour in order}
    rows, _ = shown(results(), "likelihood")
    laid = wide(pd.concat([rows.assign(latent=10), rows]), ["elbo"], families)
    last = [flavour for flavour in order if flavour != "copy"] + ["copy"]
    assert [index[2:] for index in laid.index] == [(flavour, latent) for latent in (2, 10) for flavour in last]


def test_controls_are_those_of_the_family_whatever_their_label():
    rows, _ = shown(results(bold=[("copy", "elbo")]), "likelihood")
    renamed = rows.replace({"flavour": {"copy": "best_of_all", "vae": "mean"}})
    families = {"best_of_all": "controls", "ae": "deterministic", "beta_vae": "gaussian", "mean": "gaussian"}
    entries = wide(renamed, ["elbo"], families)
    assert [index[2] for index in entries.index] == ["ae", "beta_vae", "mean", "best_of_all"]
    rows = grid(markdown(laid(Table("", list(sheets("likelihood", entries)), families, {}, []))))[
        "MNIST, MLP, latent size 2"
    ]
    assert [row[:2] for row in rows[1:]] == [
        ["Deterministic codes", "AE"],
        ["Gaussian posterior and prior", "β-VAE"],
        ["", "Mean"],
        ["", ""],
        ["Controls", "best of all (control)"],
    ]


def test_parts_have_columns_of_their_own():
    parts = pd.concat([metrics().query("metric == 'mse'").assign(part=part) for part in ("test", "prior")])
    rows, _ = shown(results(parts), "reconstruction")
    assert wide(rows, ["mse"], FAMILIES).columns.tolist() == [("mse", "test"), ("mse", "prior")]
    assert columns.heading("mse", "test") == "MSE (test) ↓"


def test_csv_of_a_wide_table_holds_its_texts():
    read = pd.read_csv(io.StringIO(table()["elbo"].to_csv())).set_index("flavour")
    assert read.loc["beta_vae"].iloc[-1] == "-111.0 ± 2.5"
    assert read.loc["ae"].iloc[-1] == "—"


REMARKS = {("mnist", "mlp", "vae", 2): ["1 of 3 seeds", "late"], ("mnist", "mlp", "ae", 2): ["late"]}
REMARKS |= {("mnist", "mlp", name, 2): ["late"] for name in ("beta_vae", "copy")}
TABLE = Table("Title", list(sheets("", table())), FAMILIES, REMARKS, ["Bernoulli_1 likelihood, 95 %", "3 seeds"])


def test_markdown():
    text = markdown(laid(TABLE))
    assert text.startswith("# Title\n\n### MNIST, MLP, latent size 2<sup>1</sup>\n\n| Family | ")
    (rows,) = grid(text).values()
    assert rows == [
        ["Family", "Flavour", "ELBO (nats) ↑", "MSE ↓", "PSNR (dB) ↑<sup>2</sup>"],
        ["Deterministic codes", "AE", "—<sup>3</sup>", "**0.01235**<sup>4</sup>", "—"],
        ["Gaussian posterior and prior", "β-VAE", "-111.0 ± 2.5", "—<sup>2</sup>", "—"],
        ["", "VAE<sup>5</sup>", "**-101.2 ± 2.6**", "0.02000<sup>6</sup>", "—"],
        ["", "", "", "", ""],
        ["Controls", "copy (control)", "-1", "0<sup>4</sup>", "∞<sup>6</sup>"],
    ]
    assert footnotes(text) == {
        "1": "late", "2": "not measured", "3": NO_PRIOR, "4": "of 1 of 3 seeds", "5": "1 of 3 seeds",
        "6": "of 2 of 3 seeds",
    }  # fmt: skip
    assert "\n\n- Bernoulli_1 likelihood, 95 %\n- 3 seeds\n\n<sup>1</sup> late  \n" in text


def test_latex():
    text = latex(laid(TABLE))
    assert r"$\beta$-VAE & $-$111.0 & ~$\pm$ 2.5 & --- & \textsuperscript{2} & " in text
    assert r"VAE\textsuperscript{5} & \textbf{$-$101.2} & \textbf{~$\pm$ 2.6} & 0 & .02000\textsuperscript{6}" in text
    assert r"\multicolumn{7}{@{}l}{\emph{Gaussian posterior and prior}} \\*" in text
    assert r"Bernoulli\_1 likelihood, 95 \%. \\" in text
    assert r"\textsuperscript{3} it has no prior \& 50 \% $|$ less \\" in text
    assert r"\caption{Title. MNIST, MLP, latent size 2\textsuperscript{1}} \\" in text
    assert text.count(r"\midrule") == 2  # below the heading, above the controls
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\end{longtable}") == 1
    assert text.isascii()


def test_a_page_of_a_statistic_sorts_by_the_numbers_that_its_cells_begin_with():
    page = _page.page(
        ["metric", "best", "difference"],
        [("SSIM <3 \N{UPWARDS ARROW}", "VAE 0.5", "+0.4 [-1.1, +1.9]"), ("MSE", "AE", "—"), ("NLL", "—", "-2 of 9")],
        ["First note.", "Second & last."],
        "llr",
    )
    made = of_markdown("average ranks", page)
    assert re.findall(r"<h1>(.*?)</h1>", made) == ["Average ranks"]
    assert re.findall(r'scope="col" class="(\w+)".*?>([a-z]+)</button>', made) == [
        ("name", "metric"), ("name", "best"), ("number", "difference")
    ]  # fmt: skip
    assert re.findall(r'<td class="(\w+)"( data-value="[^"]*")?>(.*?)</td>', made) == [
        ("name", "", "SSIM &lt;3 \N{UPWARDS ARROW}"),
        ("name", "", "VAE 0.5"),
        ("number", ' data-value="0.4"', "+0.4 [-1.1, +1.9]"),
        ("name", "", "MSE"),
        ("name", "", "AE"),
        ("number", "", "—"),
        ("name", "", "NLL"),
        ("name", "", "—"),
        ("number", ' data-value="-2.0"', "-2 of 9"),
    ]
    assert re.findall(r"<li>(.*?)</li>", made) == ["First note.", "Second &amp; last."]


def test_a_page_of_numbers_has_a_section_for_each_table_in_the_order_of_its_columns():
    rows = [("", "mse", ["1"]), ("gaussian_mixture", "frechet_distance", ["2"]), ("", "nll", ["3"]), ("", "mse", ["4"])]
    rows += [("prior", "frechet_distance", ["5"]), ("", "elbo", ["6"]), ("", "bce", ["7"])]
    page = _page.page_of_numbers(["best"], rows, ["A note."], "r")
    titles = [columns.title(table) for table in ("likelihood", "reconstruction", "generation")]
    head = ["", "| metric | best |", "| --- | --: |"]
    arrow = "\N{DOWNWARDS ARROW}"
    assert page.splitlines() == [
        f"## {titles[0]}",
        *head,
        f"| NLL (nats) {arrow} | 3 |",
        "| ELBO (nats) \N{UPWARDS ARROW} | 6 |",
        "",
        f"## {titles[1]}",
        *head,
        f"| MSE {arrow} | 1 |",
        f"| MSE {arrow} | 4 |",
        f"| BCE (nats) {arrow} | 7 |",
        "",
        f"## {titles[2]}",
        *head,
        f"| Fréchet distance (prior) {arrow} | 5 |",
        f"| Fréchet distance (gaussian mixture) {arrow} | 2 |",
        "",
        "A note.",
    ]
    made = of_markdown("best", page)
    headings = re.findall(r'<h2 id="(\w+)">(.*?)</h2>', made)
    assert [heading for _, heading in headings] == titles
    assert re.findall(r'<a href="#(\w+)">(.*?)</a>', made) == headings
    assert re.findall(r'data-value="(.*?)"', made) == [f"{float(n)}" for n in (3, 6, 1, 4, 7, 5, 2)]
    assert made.count("<table>") == 3 and re.findall(r"<li>(.*?)</li>", made) == ["A note."]
    more = of_markdown("best", f"{page}\nAnother.  \nAnd one.\n")  # of a statistic that writes its page itself
    assert more == made.replace("<li>A note.</li>", "<li>A note.</li><li>Another.</li><li>And one.</li>")


def test_escape():
    assert escape(r"a_b\c{d}~^#$") == r"a\_b\textbackslash{}c\{d\}\textasciitilde{}\textasciicircum{}\#\$"
    assert escape("-1.5 beta-VAE ∞") == r"$-$1.5 beta-VAE $\infty$"
    assert escape("-1 [-2, +3]") == r"$-$1 [$-$2, +3]"


def test_headings():
    assert columns.heading("rate") == "rate (nats)"
    assert columns.heading("active_units") == "active units ↑"
    assert columns.heading("kl_per_dimension_12") == "KL per dimension 12 (nats)"
    with pytest.raises(VaebenchError, match="elbo"):
        columns.heading("elbow")


def test_names():
    names = ("vae", "ae", "beta_vae", "beta_vae_10", "beta_vae_0_5", "rae_gp", "factor_vae", "fashion_mnist",
             "pythae_vae")  # fmt: skip
    assert [readable(name) for name in names] == [
        "VAE", "AE", "β-VAE", "β-VAE 10", "β-VAE 0.5", "RAE-GP", "Factor-VAE", "Fashion-MNIST",
        "Pythae-VAE",
    ]  # fmt: skip
    assert readable("copy", "controls") == "copy (control)"
    assert metric_name("effective_sample_size") == "effective sample size"


# What tables there are


def test_tables_are_the_groups_of_metrics_and_show_what_they_declare():
    assert columns.tables(["model"], "default", differences=False) == [
        "likelihood", "surgery", "reconstruction", "latent", "compute",
    ]  # fmt: skip
    every = {*catalogue.groups("metrics"), "differences", "compute", "agreement"}
    assert set(columns.tables(EVERY, "thorough", differences=True)) == every
    assert "kl_per_dimension" not in columns.members("latent")
    for table in catalogue.groups("metrics"):
        for name in columns.members(table):
            metric, quantity = catalogue.load("metrics", name), columns.quantity(name)
            assert (quantity.unit, quantity.better) == (metric.unit, metric.better)
    assert {"elbo", "mse"} < set(columns.members("differences")) and "rate" not in columns.members("differences")


def test_every_form_holds_the_numbers_and_the_conditions():
    for name in columns.tables(EVERY, "thorough", differences=False):
        members = columns.members(name)
        rows = [
            ("mnist", "mlp", "vae", 2, s, "", m, 11 * i + s, np.nan, "") for i, m in enumerate(members) for s in (0, 1)
        ]
        summary = summarise(pd.DataFrame(rows, columns=METRICS))
        none = pd.DataFrame(columns=COLUMNS)
        conditions = [cell("vae", seeds=[0, 1])]
        found = forms(
            Results({"vae": "gaussian"}, conditions, summary, summary, none, agreement=summary.assign(seeds=2)), name
        )
        assert list(found) == list(FORMS) == ["md", "tex", "html"]
        for text in found.values():
            shown = re.sub(r'data-value="[^"]*"', "", text)
            assert len(re.findall(r"(?<!\d)11(\.5| & \.5)", shown)) == (len(members) > 1) and "2 seeds" in text
            assert ("K = 10" in text) == (name == "likelihood")
            assert ("20 evenly spaced test codes" in text) == columns.of_geometry(name)
            assert ("6 pairs of test images" in text) == (columns.of_geometry(name) or name == "agreement")
            judged = "accurate on mnist; training images and noise score precision 90.1 and 0.25"
            assert (judged in text) == (name == "generation")


HEAVY = {"torch", "sklearn", "scipy", "seaborn", "matplotlib"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("summary", HEAVY),
        ("published", HEAVY),
        ("concordance", HEAVY),
        ("provenance", HEAVY | {"pandas", "numpy"}),
        ("tables.columns", HEAVY | {"pandas", "numpy"}),
        ("figures.summary.scores", {"torch", "sklearn", "scipy", "seaborn"}),
        ("figures.agreement.concordance", {"torch", "sklearn", "scipy", "seaborn"}),
    ],
)
def test_importing_is_light(module, heavy):
    assert imported(f"import vaebench.report.{module}") & heavy == set()


def test_writing_all_tables_is_light():
    code = f"""
import pandas as pd
from vaebench.report.differences import COLUMNS
from vaebench.report.tables.columns import members, tables
from vaebench.report.tables.forms import forms
from vaebench.report.tables.shown import Results
for table in tables({EVERY}, "thorough", differences=False):
    numbers = dict(n=1, seeds=1, mean=1.0, low=1.0, high=1.0, lowest=1.0, highest=1.0, error=0.1, reason="")
    cell = dict(dataset="mnist", architecture="mlp", flavour="vae", latent=2, part="")
    rows = pd.DataFrame([cell | dict(metric=name) | numbers for name in members(table)])
    results = Results(dict(vae="gaussian"), [{cell("vae")}], rows, rows, pd.DataFrame(columns=COLUMNS), rows)
    assert len(forms(results, table)) == 3
"""
    assert imported(code) & HEAVY == set()


def imported(code: str) -> set[str]:
    """Modules that a fresh interpreter imports to run some code."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
