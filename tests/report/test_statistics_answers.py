"""`vaebench rank` and `vaebench compare`: which flavour is best, and does a study agree with a reference."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import command, refused
from scipy import stats

from vaebench.cli import main
from vaebench.report.replication import replicate
from vaebench.report.results import Results
from vaebench.report.statistic import make, roles
from vaebench.report.summary import gather, join, summarise
from vaebench.study.config import check
from vaebench.study.tidy import METRICS

ROOT = Path(__file__).parents[2]
STUDY: dict[str, Any] = {
    "datasets": {"mnist": None},
    "flavours": {"vae": None, "iwae": None, "vamp": None, "copy": None},
    "latents": [2],
    "seeds": [0, 1, 2, 3],
}


def study(folder: Path, shift: float = 0.0, of: int = 0, packed: bool = False, seeds: int = 4, **other: Any) -> Path:
    """Results with metrics of a study, shifted."""
    random = np.random.default_rng(of)
    rows = [
        ("mnist", "mlp", flavour, 2, seed, "", metric, place + shift + 0.1 * random.normal(), np.nan, "")
        for place, flavour in enumerate(STUDY["flavours"])
        for metric in ("ssim", "mse")
        for seed in range(seeds)
    ]
    rows += [("mnist", "mlp", "iwae", 2, seed, "", "nll", np.nan, np.nan, "it has none") for seed in range(seeds)]
    (folder / "tables").mkdir(parents=True)
    content = pd.DataFrame(rows, columns=METRICS).to_csv(index=False).encode()
    path = folder / "tables/metrics.csv"
    path.with_name("metrics.csv.gz").write_bytes(gzip.compress(content)) if packed else path.write_bytes(content)
    data = {"mnist": {"prepared_sha256": "a"}}
    (folder / "provenance.json").write_text(json.dumps({"study": STUDY | other, "datasets": data}))
    return folder


def verdicts(rows: pd.DataFrame) -> dict[str, int]:
    return rows["verdict"].value_counts().to_dict()


# Reading


def test_a_compressed_table_is_the_table(tmp_path: Path) -> None:
    one, other = study(tmp_path / "a"), study(tmp_path / "b", packed=True)
    pd.testing.assert_frame_equal(gather([one / "tables/metrics.csv"]), gather([other / "tables/metrics.csv.gz"]))
    assert join([one / "tables/metrics.csv"]) == join([other / "tables/metrics.csv.gz"])
    pd.testing.assert_frame_equal(Results(one).summary, Results(other).summary)


def test_a_compressed_table_that_is_cut_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = study(tmp_path / "a", packed=True) / "tables/metrics.csv.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert "metrics.csv.gz: cannot be read as a table" in refused("rank", tmp_path / "a", "--metric", "ssim")


# The best


def with_differences(folder: Path) -> Path:
    """And a table of the best, by paired differences of which the first is not told from it."""
    summary = summarise(gather([folder / "tables/metrics.csv"]))
    rows = summary[(summary["metric"] == "ssim") & (summary["flavour"] != "copy")].assign(role="best", against="vamp")
    rows = rows.assign(images=100, n=4, mean=[-1.0, -2.0, 0.0], low=[-2.5, -2.5, 0.0], high=[0.5, -1.5, 0.0], reason="")
    table, _ = make("best", {"summary": summary, "differences": rows}, roles(check(STUDY)))
    (folder / "tables/best.csv").write_text(table.to_csv(index=False))
    return folder


def test_rank_answers_which_flavour_is_best(tmp_path: Path) -> None:
    done = command("rank", with_differences(study(tmp_path / "a")), "--metric", "ssim")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "SSIM ↑: MNIST, MLP, 2 latents; dynamic bernoulli; 4 seeds, 100 test images"
    assert [line.split()[1] for line in lines[1:4]] == ["VAMP", "IWAE", "VAE"]
    assert lines[2].endswith("-1.0 [-2.5, +0.5]  not told from the best")
    assert lines[3].endswith("-2.00 [-2.50, -1.50]  told from the best")
    assert lines[4].split()[:2] == ["copy", "(control)"]
    assert lines[5] == "VAMP has the best mean, told from 1 of the 2 others at 95 %; not from IWAE."
    assert lines[-1].startswith("95 % intervals are of one difference each")


def test_rank_of_what_has_no_differences_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rank", str(study(tmp_path / "a", packed=True)), "--metric", "mse", "--dataset", "mnist", "--latent", "2"])
    text = capsys.readouterr().out
    assert [line.split()[1] for line in text.splitlines()[1:4]] == ["VAE", "IWAE", "VAMP"]  # less is better
    assert "VAE has the best mean of 3; whether it is the best is not known: no paired differences are given." in text


def test_rank_refuses_in_one_line(tmp_path: Path) -> None:
    folder = study(tmp_path / "a")
    assert refused("rank", tmp_path / "none", "--metric", "ssim").startswith(f"{tmp_path / 'none'}: no results there")
    there = "choose from mse, nll, ssim"
    assert refused("rank", folder, "--metric", "sism") == (
        f"{folder}: no metric 'sism' with a better direction: {there}"
    )
    assert refused("rank", folder, "--metric", "ssim", "--dataset", "minst") == (
        "unknown dataset 'minst': did you mean mnist?"
    )
    (folder / "tables/metrics.csv").unlink()
    assert "neither summary.csv nor metrics.csv is there" in refused("rank", folder, "--metric", "ssim")


@pytest.mark.parametrize("name", ["suite", "geometry", "shapes"])
def test_rank_reads_the_committed_results(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["rank", str(ROOT / "results" / name), "--metric", "ssim"])
    assert re.search(r" (has the best mean|is the best)[ ,]", capsys.readouterr().out)


def test_tables_that_the_provenance_does_not_know_are_refused(tmp_path: Path) -> None:
    """One number that is another, in a table or in a compressed one."""
    folder = study(tmp_path / "a")
    table, provenance = folder / "tables/metrics.csv", folder / "provenance.json"
    files = {"tables/metrics.csv": hashlib.sha256(table.read_bytes()).hexdigest()}
    provenance.write_text(json.dumps(json.loads(provenance.read_text()) | {"files": files}))
    Results(folder).held()
    for path, content in ((table, table.read_bytes().replace(b"7", b"8", 1)), (table.with_name("metrics.csv.gz"), b"")):
        table.unlink(missing_ok=True)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        told = f"{path} is not the table of its provenance.json: restore both, or run the workflow to its end"
        assert refused("rank", folder, "--metric", "mse") == told
        assert refused("compare", study(tmp_path / path.name), folder) == told


# Agreement with a reference


def test_a_study_agrees_with_itself(tmp_path: Path) -> None:
    done = command("compare", study(tmp_path / "a"), study(tmp_path / "b", packed=True))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "agree 9, differ 0, not comparable 0; of 8 held against an interval of prediction at 95 %, 0 would differ by "
        "chance if no seed was the same\n"
    )


def test_what_is_shifted_differs_and_ends_with_1(tmp_path: Path) -> None:
    fresh, reference = study(tmp_path / "a", shift=1, of=1), study(tmp_path / "b")
    done = command("compare", fresh, reference, "--output", tmp_path / "verdicts.csv")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("differ: MNIST, MLP,") == 8
    table = pd.read_csv(tmp_path / "verdicts.csv")
    assert verdicts(table) == {"differ": 8, "agree": 1}
    assert table.loc[table["verdict"] == "agree", "reason"].tolist() == ["neither has a value"]


def test_the_interval_is_that_of_prediction(tmp_path: Path) -> None:
    fresh, reference = study(tmp_path / "a", of=1, seeds=3), study(tmp_path / "b")
    table = replicate(Results(fresh), Results(reference), 0.9)
    row = table[(table["flavour"] == "iwae") & (table["metric"] == "ssim")].iloc[0]
    seeds = Results(reference).table("metrics").query("flavour == 'iwae' and metric == 'ssim'")["value"]
    half = stats.t.ppf(0.95, 3) * seeds.std() * (1 / 4 + 1 / 3) ** 0.5
    assert (row["low"], row["high"]) == pytest.approx((seeds.mean() - half, seeds.mean() + half))
    assert (row["n"], row["reference_n"], row["verdict"]) == (3, 4, "agree")


def test_intervals_of_prediction_hold_as_often_as_they_say(tmp_path: Path) -> None:
    """Of new seeds of one law: 300 studies of 8 numbers."""
    held = []
    places = [Results(study(tmp_path / f"{trial}", of=trial)) for trial in range(60)]
    for one, other in pairwise(places):
        table = replicate(one, other)
        held += (table.loc[table["metric"] != "nll", "verdict"] == "agree").tolist()
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_cells_that_were_made_otherwise_are_not_compared(tmp_path: Path) -> None:
    reference = study(tmp_path / "b")
    for other, words in (
        ({"training": {"epochs": 3}}, "training.epochs is 3, not 50"),
        ({"flavours": STUDY["flavours"] | {"iwae": {"samples": 9}}}, "objective.settings.samples is 9, not"),
        ({"evaluation": {"importance_samples": 7}}, "evaluation.importance_samples is 7, not 500"),
        ({"convention": "static"}, "convention is static, not dynamic"),
    ):
        fresh = study(tmp_path / words.replace(" ", "_"), **other)
        table = replicate(Results(fresh), Results(reference))
        reasons = table.loc[table["verdict"] == "not comparable", "reason"]
        assert len(reasons) == (3 if "flavours" in other else 9) and reasons.str.startswith(words).all()
    done = command("compare", fresh, reference)
    assert done.returncode == 1 and "not comparable: 9 values of 4 cells: convention is static" in done.stdout
    data = json.loads((fresh / "provenance.json").read_text())
    data["study"], data["datasets"] = STUDY, {"mnist": {"prepared_sha256": "b"}}
    (fresh / "provenance.json").write_text(json.dumps(data))
    assert set(replicate(Results(fresh), Results(reference))["reason"]) == {"the data are others"}


def test_samples_that_another_judge_judged_are_not_compared(tmp_path: Path) -> None:
    def judged(folder: Path, *judges: str, **other: Any) -> Results:
        """A study of samples of which the flavours, in their order, had these judges."""
        study(folder, **{"samplers": {"prior": {}}} | other)
        table = gather([folder / "tables/metrics.csv"]).assign(part="prior", metric="frechet_distance")
        table = pd.concat([gather([folder / "tables/metrics.csv"]), table.drop_duplicates(["flavour", "seed"])])
        table.to_csv(folder / "tables/metrics.csv", index=False)
        cells = zip(STUDY["flavours"], judges, strict=False)
        place = {"dataset": "mnist", "architecture": "mlp", "latent": 2}
        conditions = [place | {"flavour": flavour, "judge": {"sha256": sha}} for flavour, sha in cells]
        if judges:
            (folder / "tables/conditions.json").write_text(json.dumps(conditions))
        return Results(folder)

    reference = judged(tmp_path / "reference", *"aaaa")
    words = "samples are not known to be judged by the same judge"
    for folder, judges, strangers in (("same", "aaaa", 0), ("one", "aaba", 1), ("unknown", "", 4)):
        table = replicate(judged(tmp_path / folder, *judges), reference)
        others = table[table["verdict"] == "not comparable"]
        assert len(others) == strangers and set(others["metric"]) <= {"frechet_distance"}
        assert set(others["reason"]) <= {words} and verdicts(table)["agree"] == 13 - strangers
    longer = judged(tmp_path / "longer", *"aaaa", judge={"epochs": 9})  # which says how it came to be, not which it is
    assert verdicts(replicate(longer, reference)) == {"agree": 13}


def test_numbers_on_other_foreign_data_are_not_compared(tmp_path: Path) -> None:
    def told_from(folder: Path, foreign: str) -> Results:
        """A study one number of which is of foreign data that were prepared otherwise."""
        study(folder, out_of_distribution={"mnist": ["fashion_mnist"]})
        table = gather([folder / "tables/metrics.csv"])
        table.assign(
            part=np.where(table["metric"] == "ssim", "fashion_mnist", ""),
            metric=table["metric"].replace("ssim", "auroc_elbo"),
        ).to_csv(folder / "tables/metrics.csv", index=False)
        facts = json.loads((folder / "provenance.json").read_text())
        facts["datasets"]["fashion_mnist"] = {"prepared_sha256": foreign}
        (folder / "provenance.json").write_text(json.dumps(facts))
        return Results(folder)

    one, same, other = (told_from(tmp_path / str(place), foreign) for place, foreign in enumerate("aab"))
    assert verdicts(replicate(one, same)) == {"agree": 9}
    table = replicate(one, other)
    assert {*table.loc[table["verdict"] == "not comparable", "metric"]} == {"auroc_elbo"}
    assert {*table["reason"]} == {"the foreign data are others", "neither has a value", ""}


def test_few_seeds_of_the_reference_agree_with_equals_alone(tmp_path: Path) -> None:
    one, same, other = (study(tmp_path / f"{n}", of=of, seeds=2) for n, of in enumerate((0, 0, 1)))
    assert verdicts(replicate(Results(one), Results(same))) == {"agree": 9}
    table = replicate(Results(one), Results(other))
    assert verdicts(table) == {"not comparable": 8, "agree": 1}
    assert {*table["reason"]} == {"the reference has fewer than 3 seeds", "neither has a value"}


def test_a_value_that_one_of_them_lacks_differs(tmp_path: Path) -> None:
    fresh, reference = study(tmp_path / "a"), study(tmp_path / "b")
    path = fresh / "tables/metrics.csv"
    table = gather([path])
    lost = (table["flavour"] == "vamp") & (table["metric"] == "ssim")
    table.assign(value=table["value"].mask(lost), reason=table["reason"].mask(lost, "it diverged")).to_csv(
        path, index=False
    )
    for one, other, words in ((fresh, reference, "the fresh study"), (reference, fresh, "the reference")):
        rows = replicate(Results(one), Results(other))
        assert rows.loc[rows["verdict"] == "differ", "reason"].tolist() == [f"{words} has no value: it diverged"]


def test_compare_refuses_in_one_line(tmp_path: Path) -> None:
    folder, bare = study(tmp_path / "a"), study(tmp_path / "b")
    (bare / "provenance.json").unlink()
    assert "provenance.json: cannot be read as provenance" in refused("compare", folder, bare)
    assert "no results there" in refused("compare", folder, tmp_path / "none")
    assert "give a name that ends with .csv" in refused("compare", folder, folder, "--output", "verdicts.txt")
    other = study(tmp_path / "c")
    gather([other / "tables/metrics.csv"]).assign(latent=4).to_csv(other / "tables/metrics.csv", index=False)
    assert "have no cell and metric in common" in refused("compare", folder, other)
