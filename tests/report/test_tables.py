"""Tables: gathered, summarised and rendered numbers against closed forms and scipy."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vaebench.errors import VaebenchError
from vaebench.report import tables
from vaebench.study.naming import metric_name, readable

COLUMNS = ["dataset", "architecture", "flavour", "latent", "seed", "sampler", "metric", "value", "reason"]
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
    return pd.DataFrame(rows, columns=COLUMNS)


def wide() -> pd.DataFrame:
    return tables.wide(tables.summarise(metrics()), ["elbo", "mse", "psnr"])


def entry(flavour: str, metric: str) -> tables.Entry:
    return wide().loc[("mnist", "mlp", flavour, 2), metric]


def test_gather_is_independent_of_file_order_and_keeps_types_and_bits(tmp_path):
    table = metrics()
    table.loc[0, "value"] = 0.1 + 0.2
    table["dataset"] = ["null", "nan"] + ["mnist"] * (len(table) - 2)
    paths = [tmp_path / f"{i}.csv" for i in range(3)]
    for path, part in zip(paths, (table[:4], table[4:9], table[9:]), strict=True):
        part.to_csv(path, index=False)
    gathered = tables.gather(paths)
    pd.testing.assert_frame_equal(gathered, tables.gather(paths[::-1]))
    assert gathered["latent"].dtype == gathered["seed"].dtype == np.int64
    assert gathered["value"].dtype == np.float64
    assert 0.1 + 0.2 in set(gathered["value"])
    assert np.isinf(gathered["value"]).sum() == 2
    assert {"null", "nan"} < set(gathered["dataset"])
    assert set(gathered["sampler"]) == {""}


def test_gather_tells_which_file_is_bad(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("seed,value\nzero,1.0\n")
    short = tmp_path / "short.csv"
    short.write_text("seed,metric\n0,elbo\n")
    for paths in ([bad], [short], [tmp_path / "absent.csv"]):
        with pytest.raises(VaebenchError, match=paths[0].name) as error:
            tables.gather(paths)
        assert "\n" not in str(error.value)
    with pytest.raises(VaebenchError, match="at least one"):
        tables.gather([])


def test_intervals_are_those_of_student():
    rows = tables.summarise(metrics()).set_index(["flavour", "metric"])
    for flavour in ("vae", "beta_vae"):
        values, row = ELBOS[flavour], rows.loc[(flavour, "elbo")]
        low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
        assert row["n"] == 3
        assert row[["mean", "low", "high"]].tolist() == pytest.approx([np.mean(values), low, high], rel=1e-12)


def test_summary_of_one_seed_none_equal_and_infinite_values():
    rows = tables.summarise(metrics()).set_index(["flavour", "metric"])
    one, none = rows.loc[("ae", "mse")], rows.loc[("ae", "elbo")]
    assert (one["n"], one["mean"], one["reason"]) == (1, 0.01234567, "")
    assert np.isnan([one["low"], one["high"], none["mean"], none["low"]]).all()
    assert (none["n"], none["reason"]) == (0, NO_PRIOR)
    assert rows.loc[("vae", "mse"), ["low", "mean", "high"]].tolist() == [0.02, 0.02, 0.02]
    assert rows.loc[("copy", "psnr"), "mean"] == np.inf


def test_distinct_reasons_are_joined():
    table = metrics().query("flavour == 'ae' and metric == 'elbo'")
    table = table.assign(reason=["b", "a", "b"])
    assert tables.summarise(table)["reason"].tolist() == ["a; b"]


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
    assert tables._number(mean, half) == text


def test_best_of_a_block_follows_the_metric_and_leaves_controls_out():
    table = wide()
    best = {(index[2], column) for column in table for index, item in table[column].items() if item.best}
    assert best == {("vae", "elbo"), ("ae", "mse")}


def test_missing_values_are_dashes_with_their_reason():
    assert entry("ae", "elbo") == tables.Entry("—", False, NO_PRIOR)
    assert entry("vae", "psnr") == tables.Entry("—", False, "not measured")


def test_blocks_end_with_the_controls_and_ascend_in_latent_size():
    larger = metrics().assign(latent=10)
    table = tables.wide(tables.summarise(pd.concat([larger, metrics()])), ["elbo"])
    assert [index[2:] for index in table.index] == [
        (flavour, latent) for latent in (2, 10) for flavour in ("ae", "beta_vae", "vae", "copy")
    ]


def test_samplers_have_columns_of_their_own():
    table = pd.concat([metrics().query("metric == 'mse'").assign(sampler=sampler) for sampler in ("gmm", "normal")])
    assert tables.wide(tables.summarise(table), ["mse"]).columns.tolist() == ["mse (gmm)", "mse (normal)"]
    assert tables.heading("mse (gmm)") == "MSE (gmm) ↓"


def test_csv_of_a_wide_table_holds_its_texts():
    read = pd.read_csv(io.StringIO(wide().to_csv())).set_index("flavour")
    assert read.loc["beta_vae", "elbo"] == "-111.0 ± 2.5"
    assert read.loc["ae", "elbo"] == "—"


def test_markdown():
    text = tables.markdown(wide(), "Bernoulli likelihood, 3 seeds.")
    lines = text.splitlines()
    assert lines[0] == "| Dataset | Architecture | Flavour | Latent | ELBO (nats) ↑ | MSE ↓ | PSNR (dB) ↑ |"
    assert lines[2] == "| MNIST | MLP | AE | 2 | —<sup>1</sup> | **0.01235** | —<sup>2</sup> |"
    assert lines[4].startswith("| MNIST | MLP | VAE | 2 | **-101.2 ± 2.6** |")
    assert {line.replace(r"\|", "").count("|") for line in lines[:6]} == {8}
    assert lines[-3:] == ["Bernoulli likelihood, 3 seeds.  ", f"<sup>1</sup> {NO_PRIOR}  ", "<sup>2</sup> not measured"]
    assert text == tables.markdown(wide(), "Bernoulli likelihood, 3 seeds.")


def test_latex():
    text = tables.latex(wide(), "Bernoulli_1, 3 seeds, 95 %.")
    assert r"MNIST & MLP & $\beta$-VAE & 2 & $-$111.0 $\pm$ 2.5 & ---\textsuperscript{2} & " in text
    assert r"\textbf{$-$101.2 $\pm$ 2.6}" in text
    assert r"{\footnotesize Bernoulli\_1, 3 seeds, 95 \%. \\" in text
    assert r"\textsuperscript{1} it has no prior \& 50 \% $|$ less \\" in text
    assert text.count(r"\midrule") == 1
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    assert text.isascii()


def test_escape():
    assert tables.escape(r"a_b\c{d}~^#$") == r"a\_b\textbackslash{}c\{d\}\textasciitilde{}\textasciicircum{}\#\$"
    assert tables.escape("-1.5 beta-VAE ∞") == r"$-$1.5 beta-VAE $\infty$"


def test_headings():
    assert tables.heading("rate") == "rate (nats)"
    assert tables.heading("active_units") == "active units ↑"
    assert tables.heading("kl_per_dimension_12") == "KL per dimension 12 (nats)"
    with pytest.raises(VaebenchError, match="elbo"):
        tables.heading("elbow")


def test_names():
    names = ("vae", "ae", "beta_vae", "beta_vae_10", "beta_vae_0_5", "rae_gp", "factor_vae", "copy", "fashion_mnist")
    assert [readable(name) for name in names] == [
        "VAE", "AE", "β-VAE", "β-VAE 10", "β-VAE 0.5", "RAE-GP", "Factor-VAE", "copy (control)", "Fashion-MNIST",
    ]  # fmt: skip
    assert metric_name("effective_sample_size") == "effective sample size"


def test_conditions_of_datasets_of_unequal_size_are_all_stated() -> None:
    """A small test set has fewer images than are asked for, a large one beside it as many."""
    fact = {"convention": "dynamic", "likelihood": "bernoulli", "importance_samples": 10, "test_sha256": "a"}
    facts = [fact | {"importance_images": 1000}, fact | {"importance_images": 256, "test_sha256": "b"}]
    assert "K = 10 importance samples, 256 or 1000 evenly spaced test images; 2 seeds" in tables.conditions(facts, 2)
