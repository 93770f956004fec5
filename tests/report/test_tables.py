"""Tables: laid out and rendered numbers against their summaries."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vaebench.errors import VaebenchError
from vaebench.report.summary import summarise
from vaebench.report.tables import columns
from vaebench.report.tables.conditions import note
from vaebench.report.tables.entry import Entry, number
from vaebench.report.tables.forms import FORMS, forms
from vaebench.report.tables.latex import escape, latex
from vaebench.report.tables.markdown import markdown
from vaebench.report.tables.wide import wide
from vaebench.study import catalogue
from vaebench.study.naming import metric_name, readable
from vaebench.study.tidy import METRICS

FAMILIES = {"ae": "deterministic", "beta_vae": "gaussian", "vae": "gaussian", "copy": "controls"}
NO_PRIOR = "it has no prior & 50 % | less"
ELBOS = {"vae": [-100.0, -102.0, -101.5], "beta_vae": [-110.0, -111.0, -112.0], "copy": [-1.0, -1.0, -1.0]}


def metrics() -> pd.DataFrame:
    rows = [
        ("mnist", "mlp", flavour, 2, seed, "", "elbo", value, "")
        for flavour, values in ELBOS.items()
        for seed, value in enumerate(values)
    ]
    rows += [("mnist", "mlp", "ae", 2, seed, "", "elbo", np.nan, NO_PRIOR) for seed in range(3)]
    rows += [
        ("mnist", "mlp", "ae", 2, 0, "", "mse", 0.01234567, ""),
        ("mnist", "mlp", "ae", 2, 1, "", "mse", np.nan, "the value is nan"),
        ("mnist", "mlp", "vae", 2, 0, "", "mse", 0.02, ""),
        ("mnist", "mlp", "vae", 2, 1, "", "mse", 0.02, ""),
        ("mnist", "mlp", "copy", 2, 0, "", "mse", 0.0, ""),
        ("mnist", "mlp", "copy", 2, 0, "", "psnr", np.inf, ""),
        ("mnist", "mlp", "copy", 2, 1, "", "psnr", np.inf, ""),
    ]
    return pd.DataFrame(rows, columns=METRICS)


def table() -> pd.DataFrame:
    return wide(summarise(metrics()), ["elbo", "mse", "psnr"], FAMILIES)


def entry(flavour: str, metric: str) -> Entry:
    return table().loc[("mnist", "mlp", flavour, 2), (metric, "")]


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
    assert number(mean, half) == text


def test_best_of_a_block_follows_the_metric_and_leaves_controls_out():
    best = {(index[2], column[0]) for column, items in table().items() for index, item in items.items() if item.best}
    assert best == {("vae", "elbo"), ("ae", "mse")}


def test_missing_values_are_dashes_with_their_reason():
    assert entry("ae", "elbo") == Entry("—", False, NO_PRIOR)
    assert entry("vae", "psnr") == Entry("—", False, "not measured")


@pytest.mark.parametrize("order", [("ae", "beta_vae", "vae", "copy"), ("copy", "vae", "ae", "beta_vae")])
def test_blocks_follow_the_families_end_with_the_controls_and_ascend_in_latent_size(order):
    larger = metrics().assign(latent=10)
    families = {flavour: FAMILIES[flavour] for flavour in order}
    shown = wide(summarise(pd.concat([larger, metrics()])), ["elbo"], families)
    last = [flavour for flavour in order if flavour != "copy"] + ["copy"]
    assert [index[2:] for index in shown.index] == [(flavour, latent) for latent in (2, 10) for flavour in last]


def test_controls_are_those_of_the_family_whatever_their_label():
    renamed = metrics().replace({"flavour": {"copy": "best_of_all", "vae": "mean"}})
    families = {"best_of_all": "controls", "ae": "deterministic", "beta_vae": "gaussian", "mean": "gaussian"}
    shown = wide(summarise(renamed), ["elbo"], families)
    assert [index[2] for index in shown.index] == ["ae", "beta_vae", "mean", "best_of_all"]
    assert [item.best for item in shown["elbo", ""]] == [False, False, True, False]
    lines = markdown(shown, families, "").splitlines()
    assert [line.split(" | ")[2] for line in lines[2:6]] == ["AE", "β-VAE", "Mean", "best of all (control)"]


def test_parts_have_columns_of_their_own():
    parts = pd.concat([metrics().query("metric == 'mse'").assign(part=part) for part in ("test", "prior")])
    shown = wide(summarise(parts), ["mse"], FAMILIES)
    assert shown.columns.tolist() == [("mse", "prior"), ("mse", "test")]
    assert columns.heading("mse", "test") == "MSE (test) ↓"


def test_csv_of_a_wide_table_holds_its_texts():
    read = pd.read_csv(io.StringIO(table()["elbo"].to_csv())).set_index("flavour")
    assert read.loc["beta_vae"].iloc[-1] == "-111.0 ± 2.5"
    assert read.loc["ae"].iloc[-1] == "—"


def test_markdown():
    text = markdown(table(), FAMILIES, "Bernoulli likelihood, 3 seeds.")
    lines = text.splitlines()
    assert lines[0] == "| Dataset | Architecture | Flavour | Latent | ELBO (nats) ↑ | MSE ↓ | PSNR (dB) ↑ |"
    assert lines[2] == "| MNIST | MLP | AE | 2 | —<sup>1</sup> | **0.01235** | —<sup>2</sup> |"
    assert lines[4].startswith("| MNIST | MLP | VAE | 2 | **-101.2 ± 2.6** |")
    assert {line.replace(r"\|", "").count("|") for line in lines[:6]} == {8}
    assert lines[-3:] == ["Bernoulli likelihood, 3 seeds.  ", f"<sup>1</sup> {NO_PRIOR}  ", "<sup>2</sup> not measured"]
    assert text == markdown(table(), FAMILIES, "Bernoulli likelihood, 3 seeds.")


def test_latex():
    text = latex(table(), FAMILIES, "Bernoulli_1, 3 seeds, 95 %.")
    assert r"MNIST & MLP & $\beta$-VAE & 2 & $-$111.0 $\pm$ 2.5 & ---\textsuperscript{2} & " in text
    assert r"\textbf{$-$101.2 $\pm$ 2.6}" in text
    assert r"{\footnotesize Bernoulli\_1, 3 seeds, 95 \%. \\" in text
    assert r"\textsuperscript{1} it has no prior \& 50 \% $|$ less \\" in text
    assert text.count(r"\midrule") == 1
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert text.isascii()


def test_escape():
    assert escape(r"a_b\c{d}~^#$") == r"a\_b\textbackslash{}c\{d\}\textasciitilde{}\textasciicircum{}\#\$"
    assert escape("-1.5 beta-VAE ∞") == r"$-$1.5 beta-VAE $\infty$"


def test_headings():
    assert columns.heading("rate") == "rate (nats)"
    assert columns.heading("active_units") == "active units ↑"
    assert columns.heading("kl_per_dimension_12") == "KL per dimension 12 (nats)"
    with pytest.raises(VaebenchError, match="elbo"):
        columns.heading("elbow")


def test_names():
    names = ("vae", "ae", "beta_vae", "beta_vae_10", "beta_vae_0_5", "rae_gp", "factor_vae", "fashion_mnist")
    assert [readable(name) for name in names] == [
        "VAE", "AE", "β-VAE", "β-VAE 10", "β-VAE 0.5", "RAE-GP", "Factor-VAE", "Fashion-MNIST",
    ]  # fmt: skip
    assert readable("copy", "controls") == "copy (control)"
    assert metric_name("effective_sample_size") == "effective sample size"


# What tables there are


CONDITIONS = [
    {"dataset": "mnist", "convention": "dynamic", "likelihood": "bernoulli", "test_sha256": "a"}
    | {"importance_samples": 10, "importance_images": 100}
]
GEOMETRY = {"metric": "fisher_rao", "points": 20, "pairs": 6}


def test_tables_are_the_groups_of_metrics_and_show_what_they_declare():
    assert columns.tables(geometry=False) == ["likelihood", "reconstruction", "latent", "compute"]
    assert set(columns.tables(geometry=True)) == {*catalogue.groups("metrics"), "compute", "agreement"}
    assert columns.members("latent") == ["active_units"]
    for table in catalogue.groups("metrics"):
        for name in columns.members(table):
            metric = catalogue.load("metrics", name)
            assert columns.quantity(name) == columns.Quantity(metric.unit, metric.better)


def test_every_form_holds_the_numbers_and_the_conditions():
    families = {"vae": "gaussian"}
    for name in columns.tables(geometry=True):
        members = columns.members(name)
        rows = [("mnist", "mlp", "vae", 2, s, "", m, 11 * i + s, "") for i, m in enumerate(members) for s in (0, 1)]
        found = forms(
            summarise(pd.DataFrame(rows, columns=METRICS)), name, families, CONDITIONS, seeds=2, geometry=GEOMETRY
        )
        assert list(found) == list(FORMS) == ["md", "tex", "html"]
        for text in found.values():
            assert text.count("11.5") == (len(members) > 1) and "2 seeds" in text
            assert ("K = 10" in text) == (name == "likelihood")
            assert ("20 evenly spaced test codes" in text) == columns.of_geometry(name)
            assert ("6 pairs of test images" in text) == (columns.of_geometry(name) or name == "agreement")


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
from vaebench.report.tables.columns import members, tables
from vaebench.report.tables.forms import forms
for table in tables(geometry=True):
    numbers = dict(n=1, mean=1.0, low=1.0, high=1.0, reason="")
    cell = dict(dataset="mnist", architecture="mlp", flavour="vae", latent=2, part="")
    summary = pd.DataFrame([cell | dict(metric=name) | numbers for name in members(table)])
    assert len(forms(summary, table, dict(vae="gaussian"), {CONDITIONS}, seeds=1, geometry={GEOMETRY})) == 3
"""
    assert imported(code) & HEAVY == set()


def imported(code: str) -> set[str]:
    """Modules that a fresh interpreter imports to run some code."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_conditions_of_datasets_of_unequal_size_are_all_stated() -> None:
    """A small test set has fewer images than are asked for, a large one beside it as many."""
    fact = {"convention": "dynamic", "likelihood": "bernoulli", "importance_samples": 10, "test_sha256": "a"}
    facts = [fact | {"importance_images": 1000}, fact | {"importance_images": 256, "test_sha256": "b"}]
    assert "K = 10 importance samples, 256 or 1000 evenly spaced test images; 2 seeds" in note(
        "likelihood", facts, seeds=2
    )
