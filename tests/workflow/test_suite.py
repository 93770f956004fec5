"""The workflow with all that a configuration may ask runs to be judged by."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest
from test_workflow import snakemake, workspace

from vaebench.evaluation import judge
from vaebench.study import catalogue, views

pytestmark = pytest.mark.slow
SMALL = {"train": 300, "validation": 50, "test": 100}
CONFIG = {
    "datasets": {"digits": {"limits": SMALL}},
    "architectures": {"mlp": {"hidden": [16]}},
    "flavours": {"vae": {}, "ae": {}},
    "latents": [2],
    "seeds": [0, 1],
    "training": {"epochs": 3, "batch_size": 64},
    "evaluation": {"importance_samples": 10, "importance_images": 50, "evidence_images": 5, "evidence_temperatures": 10}
    | {"tier": "thorough", "augmentation_images": 5},
    "samplers": {"prior": {}, "gaussian_mixture": {"components": 3}},
    "judge": {"epochs": 1, "seeds": [0, 1]},
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = workspace(tmp_path_factory.mktemp("suite"))
    result = snakemake(folder, "--cores", "2", settings=CONFIG)
    assert result.returncode == 0, result.stderr
    return folder


def test_every_metric_is_in_its_table_with_a_value_or_a_reason(finished: Path) -> None:
    tables = finished / "results/tables"
    rows = pd.read_csv(tables / "metrics.csv", keep_default_na=False, na_values={"value": [""]})
    assert ((rows["reason"] != "") == rows["value"].isna()).all()
    known = {catalogue.metric_of(name) for name in rows["metric"]}
    given = [*views.ALWAYS, *views.OVER_SAMPLERS, "seeds"]
    assert known == {name for names in views.metrics(given, "thorough").values() for name in names}
    for table in views.tables(given, "thorough"):
        assert (tables / f"{table}.md").read_text().count("\n| ") > 2
    by = rows.set_index(["flavour", "seed", "part", "metric"]).sort_index()
    assert by.loc[("ae", 0, "prior", "frechet_distance"), "reason"] == "sampler 'prior' does not apply: it has no prior"
    assert math.isfinite(by.loc[("ae", 0, "gaussian_mixture", "ex_post_nll"), "value"])
    assert by.loc[("vae", 1, "", "evidence_nll"), "value"] < -by.loc[("vae", 1, "", "elbo"), "value"] + 5
    assert math.isfinite(by.loc[("vae", 0, "prior", "other_judges_distance_2"), "value"])


def test_judges_and_their_cards_stand_with_the_results(finished: Path) -> None:
    judges = finished / "results/judges"
    one, two = (judge.load(judges / f"digits-{seed}.safetensors") for seed in (0, 1))
    card = json.loads((judges / "digits-0.json").read_text())
    assert card["sha256"] == one.sha256 != two.sha256
    assert card["accuracy"] == one.accuracy and min(one.accuracy, two.accuracy) > 0.9
    text = (finished / "results/tables/generation.md").read_text()
    assert f"{one.accuracy:.2%} accurate on digits" in text


def test_samplers_are_drawn_and_kept_and_nothing_is_done_twice(finished: Path) -> None:
    results = finished / "results"
    kept = results / "runs/digits/mlp/vae/z2/seed0/samplers/gaussian_mixture.safetensors"
    assert kept.exists()
    figures = [results / "figures/frechet_by_sampler.png", results / "figures/sampler_sheets/digits-mlp-z2.png"]
    assert all(figure.stat().st_size > 5000 for figure in figures)
    again = snakemake(finished, "--cores", "1", "-n", settings=CONFIG)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout + again.stderr


def test_shapes_are_judged_by_their_factors(tmp_path: Path) -> None:
    folder = workspace(tmp_path)
    shapes = {"datasets": {"shapes": {"limits": SMALL}}, "flavours": {"vae": {}, "ae": {}}, "seeds": [0]}
    few = {name: CONFIG[name] for name in ("architectures", "latents", "training")}
    evaluation = {"importance_samples": 5, "importance_images": 10}
    result = snakemake(
        folder, "results/tables/disentanglement.md", "--cores", "2", settings=shapes | few | {"evaluation": evaluation}
    )
    assert result.returncode == 0, result.stderr
    rows = pd.read_csv(folder / "results/tables/metrics.csv")
    found = rows[rows["metric"].isin(["mig", "sap", "modularity", "dci_disentanglement"])]
    assert len(found) == 8 and found["value"].between(0, 1).all()
