"""From the files of cells to summaries: nothing is lost on the way, and numbers are those of closed forms and scipy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vaebench.errors import VaebenchError
from vaebench.report.summary import FEWEST, complete, gather, join, summarise, whole
from vaebench.study.tidy import METRICS

NO_PRIOR = "it has no prior & 50 % | less"
ELBOS = {"vae": [-100.0, -102.0, -101.5], "beta_vae": [-110.0, -111.0, -112.0], "copy": [-1.0, -1.0, -1.0]}


def metrics() -> pd.DataFrame:
    rows = [
        ("mnist", "mlp", flavour, 2, seed, "", "elbo", value, 0.5 + seed, "")
        for flavour, values in ELBOS.items()
        for seed, value in enumerate(values)
    ]
    rows += [("mnist", "mlp", "ae", 2, seed, "", "elbo", np.nan, np.nan, NO_PRIOR) for seed in range(3)]
    rows += [
        ("mnist", "mlp", "ae", 2, 0, "", "mse", 0.01234567, 0.001, ""),
        ("mnist", "mlp", "ae", 2, 1, "", "mse", np.nan, np.nan, "the value is nan"),
        ("mnist", "mlp", "vae", 2, 0, "", "mse", 0.02, 0.001, ""),
        ("mnist", "mlp", "vae", 2, 1, "", "mse", 0.02, np.nan, ""),
        ("mnist", "mlp", "copy", 2, 0, "", "mse", 0.0, 0.0, ""),
        ("mnist", "mlp", "copy", 2, 0, "", "psnr", np.inf, np.nan, ""),
        ("mnist", "mlp", "copy", 2, 1, "", "psnr", np.inf, np.nan, ""),
    ]
    return pd.DataFrame(rows, columns=METRICS)


def written(folder: Path, table: pd.DataFrame) -> list[Path]:
    """The table in three files."""
    paths = [folder / f"{i}.csv" for i in range(3)]
    for path, part in zip(paths, (table[:4], table[4:9], table[9:]), strict=True):
        part.to_csv(path, index=False)
    return paths


def names(table: pd.DataFrame) -> pd.DataFrame:
    """With datasets whose names pandas takes for missing values, and a value that has no short decimal."""
    table.loc[0, "value"] = 0.1 + 0.2
    table["dataset"] = ["null", "nan"] + ["mnist"] * (len(table) - 2)
    return table


# Gathered and joined


def test_gather_is_independent_of_file_order_and_keeps_types_and_bits(tmp_path: Path) -> None:
    paths = written(tmp_path, names(metrics()))
    gathered = gather(paths)
    pd.testing.assert_frame_equal(gathered, gather(paths[::-1]))
    assert gathered["latent"].dtype == gathered["seed"].dtype == np.int64
    assert gathered["value"].dtype == np.float64
    assert 0.1 + 0.2 in set(gathered["value"])
    assert np.isinf(gathered["value"]).sum() == 2
    assert {"null", "nan"} < set(gathered["dataset"])
    assert set(gathered["part"]) == {""}


def test_gather_reads_every_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 2**63, 5000).view(np.float64)
    values = np.concatenate([values[np.isfinite(values)], [np.inf, -np.inf, -0.0, np.nan, np.nan]])
    text = pd.DataFrame({"seed": 0, "value": values}).to_csv(index=False)
    (tmp_path / "bits.csv").write_text(text[: text.rindex("0,")] + "0,nan\n")  # however a missing value is written
    assert gather([tmp_path / "bits.csv"])["value"].to_numpy().tobytes() == values.tobytes()


def test_summaries_are_read_as_they_were_written(tmp_path: Path) -> None:
    summary = summarise(metrics())
    summary.to_csv(tmp_path / "summary.csv", index=False)
    pd.testing.assert_frame_equal(gather([tmp_path / "summary.csv"]), summary, check_exact=True)


@pytest.mark.parametrize("read", [gather, join])
def test_bad_files_are_told_in_one_line(read: Callable, tmp_path: Path) -> None:
    empty, cut = tmp_path / "empty.csv", tmp_path / "cut.csv"
    empty.write_text("")
    cut.write_text("seed,value")
    for path in [empty, cut] if read is join else [empty]:
        with pytest.raises(VaebenchError, match=path.name):
            read([path])
    with pytest.raises(VaebenchError, match=r"absent.csv: cannot be read as a table \(.*\): ") as error:
        read([tmp_path / "absent.csv"])
    assert "\n" not in str(error.value)
    with pytest.raises(VaebenchError, match="at least one"):
        read([])
    other = tmp_path / "other.csv"
    other.write_text("seed,metric,value\n0,elbo,1\n")
    (tmp_path / "one.csv").write_text("seed,value\n0,1\n")
    with pytest.raises(VaebenchError, match=r"one.csv and \S*other.csv have other columns"):
        read([tmp_path / "one.csv", other])


def test_gather_tells_which_file_is_bad(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("seed,value\nzero,1.0\n")
    short = tmp_path / "short.csv"
    short.write_text("seed,metric\n0,elbo\n")
    number = tmp_path / "number.csv"
    number.write_text("seed,value\n0,one\n")
    for path in (bad, short, number):
        with pytest.raises(VaebenchError, match=path.name) as error:
            gather([path])
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("read", [gather, join])
def test_a_number_that_is_cut_in_two_is_no_number(read: Callable, tmp_path: Path) -> None:
    whole = b"metric,value\nelbo,-202.1\n"
    for end in range(len(whole) - 1, whole.index(b"-20") + 2, -1):
        (tmp_path / "cut.csv").write_bytes(whole[:end])
        with pytest.raises(VaebenchError, match="it does not end with a whole line"):
            read([tmp_path / "cut.csv"])


def test_join_keeps_every_byte_of_every_row_under_one_heading(tmp_path: Path) -> None:
    table = names(metrics())
    paths = written(tmp_path, table)
    joined = join(paths)
    assert joined == join(paths[::-1])
    assert sorted(joined.splitlines()) == sorted(table.to_csv(index=False).encode().splitlines())
    (tmp_path / "joined.csv").write_bytes(joined)
    pd.testing.assert_frame_equal(gather([tmp_path / "joined.csv"]), gather(paths), check_exact=True)
    (tmp_path / "none.csv").write_text(joined.decode().partition("\n")[0] + "\n")
    assert join([*paths, tmp_path / "none.csv"]) == joined


# Summaries


def test_intervals_are_those_of_student() -> None:
    rows = summarise(metrics()).set_index(["flavour", "metric"])
    for flavour in ("vae", "beta_vae"):
        values, row = ELBOS[flavour], rows.loc[(flavour, "elbo")]
        low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
        assert row["n"] == 3
        assert row[["mean", "low", "high"]].tolist() == pytest.approx([np.mean(values), low, high], rel=1e-12)
        assert row[["lowest", "highest", "error"]].tolist() == [min(values), max(values), 1.5]


def test_summary_of_one_seed_none_equal_and_infinite_values() -> None:
    rows = summarise(metrics()).set_index(["flavour", "metric"])
    one, none = rows.loc[("ae", "mse")], rows.loc[("ae", "elbo")]
    assert (one["n"], one["mean"], one["reason"]) == (1, 0.01234567, "")
    assert np.isnan([one["low"], one["high"], none["mean"], none["low"]]).all()
    assert (none["n"], none["reason"]) == (0, NO_PRIOR)
    assert rows.loc[("copy", "psnr"), "mean"] == np.inf


def test_fewer_than_three_seeds_have_no_interval_but_their_ends() -> None:
    """That of two would be 12.7 times half of what they are apart: 0.5 ± 6.4 of 0 and 1."""
    table = pd.DataFrame(
        [("mnist", "mlp", "vae", 2, seed, "", "active_units", float(seed), np.nan, "") for seed in range(FEWEST)],
        columns=METRICS,
    )
    two = summarise(table[:2]).iloc[0]
    assert two[["n", "mean", "lowest", "highest"]].tolist() == [2, 0.5, 0.0, 1.0]
    assert np.isnan(two[["low", "high", "error"]].to_numpy(float)).all()
    three = summarise(table).iloc[0]
    assert three["high"] == pytest.approx(1 + stats.t.ppf(0.975, 2) / 3**0.5)


def test_equal_seeds_have_an_interval_without_width() -> None:
    table = metrics().query("flavour == 'copy' and metric == 'elbo'")
    assert summarise(table)[["low", "mean", "high"]].to_numpy().tolist() == [[-1.0, -1.0, -1.0]]


def test_costs_of_runs_that_diverged_are_missing() -> None:
    """A run that ended early took less time than one that did not, and stands for none."""
    rows = [
        ("mnist", "mlp", flavour, 2, seed, "", name, value, np.nan, "")
        for flavour, lost in (("vae", {2}), ("beta_vae", {0, 1, 2}))
        for seed in range(3)
        for name, value in (("diverged", float(seed in lost)), ("epochs", 10.0 - seed))
    ]
    costs = summarise(whole(pd.DataFrame(rows, columns=METRICS))).set_index(["flavour", "metric"])
    assert costs.loc[("vae", "epochs"), ["n", "mean", "reason"]].tolist() == [2, 9.5, ""]
    assert costs.loc[("beta_vae", "epochs"), ["n", "reason"]].tolist() == [0, "the run diverged"]


def test_distinct_reasons_are_joined() -> None:
    table = metrics().query("flavour == 'ae' and metric == 'elbo'")
    table = table.assign(reason=["b", "a", "b"])
    assert summarise(table)["reason"].tolist() == ["a; b"]


def test_each_row_is_that_of_its_seeds_alone_to_the_last_bit() -> None:
    random = np.random.default_rng(0)
    sizes = [1, 2, 3, 5, 8, 9, 17, 30] * 6
    table = pd.DataFrame(
        [
            (
                "mnist",
                "mlp",
                f"vae_{cell}",
                2,
                seed,
                "test",
                "elbo",
                random.normal() * 10.0 ** (cell % 9 - 4),
                random.random(),
                "",
            )
            for cell, size in enumerate(sizes)
            for seed in range(size)
        ],
        columns=METRICS,
    )
    table.loc[random.random(len(table)) < 0.2, "value"] = np.nan
    summary = summarise(table.sample(frac=1, random_state=0))
    assert summary.shape == (len(sizes), 14)
    for row in summary.itertuples():
        own = table[(table["flavour"] == row.flavour) & table["value"].notna()]
        values = own["value"].to_numpy()
        half = np.nan
        if len(values) >= FEWEST:
            half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        mean, error = (values.mean(), own["error"].to_numpy().mean()) if len(values) else (np.nan, np.nan)
        np.testing.assert_array_equal(
            [row.n, row.mean, row.low, row.high, row.error], [len(values), mean, mean - half, mean + half, error]
        )


def test_a_table_that_lacks_a_whole_row_is_told_and_removed(tmp_path: Path) -> None:
    """Though it ends in a whole line, and whatever a reason holds."""
    tables, conditions = [], []
    for flavour in ("vae", "beta_vae"):
        row = {"dataset": "mnist", "architecture": "mlp", "flavour": flavour, "latent": 2}
        table = pd.DataFrame([row | {"seed": seed, "value": 0.5, "reason": "one\ntwo, three"} for seed in range(3)])
        tables.append(tmp_path / f"{flavour}.csv")
        table.to_csv(tables[-1], index=False)
        conditions.append(tmp_path / f"{flavour}.json")
        conditions[-1].write_text(json.dumps(row | {"rows": {"metrics": 3, "distances": 4}}))
    assert complete(tables, conditions, "metrics") == tables
    tables[1].write_text(tables[1].read_text().rpartition("mnist")[0])
    with pytest.raises(VaebenchError) as caught:
        complete(tables, conditions, "metrics")
    line = f"{tables[1]}: 2 rows, and 3 were measured of mnist/mlp/beta_vae/z2; it is removed: "
    assert str(caught.value) == line + "run the same command again, which makes it again"
    assert tables[0].exists() and not tables[1].exists()
    with pytest.raises(VaebenchError, match=r"vae.csv: 3 rows, and 4 were measured of mnist/mlp/vae/z2"):
        complete(tables, conditions, "distances")
