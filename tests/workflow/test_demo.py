"""The demo as the README runs it: models good enough to be looked at, on every seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from vaebench.study import catalogue, config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Every value of the demo's runs that there is."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "snakemake", "results/demo/tables/metrics.csv", "--snakefile", ROOT / "Snakefile"]
    command += ["--cores", "2", "--directory", folder, f"--configfile={ROOT / 'config/demo.yaml'}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run(list(map(str, command)), env=environment, check=True, capture_output=True)
    return pd.read_csv(folder / "results/demo/tables/metrics.csv", keep_default_na=False, na_values={"value": [""]})


@pytest.mark.slow
def test_every_flavour_of_the_demo_has_learnt_more_than_the_mean_image(metrics: pd.DataFrame) -> None:
    """By ELBO and by every measure of reconstruction, each seed against that of the control."""
    study = config.read(ROOT / "config/demo.yaml")
    families = study.families()
    assert set(families.values()) == set(catalogue.groups("flavours")) and len(study.seeds) == 3
    for metric in ("elbo", "mse", "psnr", "ssim"):
        better = {"higher": 1, "lower": -1}[catalogue.declared("metrics", metric)["better"]]
        values = metrics[metrics["metric"] == metric].pivot(index="flavour", columns="seed", values="value")
        gains = better * (values - values.loc["mean"])
        learnt = [flavour for flavour, family in families.items() if family != "controls"]
        assert (gains.loc[learnt].dropna() > 0).all(axis=None), gains
        assert len(gains.loc[learnt].dropna()) >= 6


@pytest.mark.slow
def test_intervals_of_the_demo_say_something(metrics: pd.DataFrame) -> None:
    """Seeds of one flavour lie nearer to each other than flavours do to the mean image."""
    values = metrics[metrics["metric"] == "mse"].pivot(index="flavour", columns="seed", values="value")
    trained = values.drop(["copy", "mean"])
    spread = trained.std(axis=1) * 4.303 / 3**0.5  # half of the 95 % interval of three seeds
    assert (spread < 0.5 * (values.loc["mean"].mean() - trained.mean(axis=1))).all()
