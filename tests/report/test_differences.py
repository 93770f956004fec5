"""Who is held against whom, and who is best as far as the intervals tell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vaebench.errors import VaebenchError
from vaebench.files import savez
from vaebench.report.differences import compare, supported
from vaebench.report.summary import gather
from vaebench.study.tidy import METRICS

IMAGES = 400
FAMILIES = {"vae": "gaussian", "near": "gaussian", "far": "gaussian", "twin": "gaussian", "mean": "controls"}
SHIFTS = {"vae": 0.0, "near": 0.01, "far": -5.0, "twin": 0.0, "mean": 9.0}


def conditions(flavour: str, **other: Any) -> dict[str, Any]:
    """Of a cell; only ``vae`` has no hyperparameters."""
    cell = {"dataset": "mnist", "architecture": "mlp", "flavour": flavour, "latent": 2}
    objective = {"name": "vae" if flavour == "vae" else "beta_vae", "settings": {} if flavour == "vae" else {"beta": 4}}
    return cell | {
        "objective": objective,
        "convention": "dynamic",
        "likelihood": "bernoulli",
        "likelihood_settings": {},
        "test_sha256": "a",
        **other,
    }


class Study:
    """Flavours whose ELBO by image is the same noise, shifted, with noise of their seeds; ``units`` have no images."""

    def __init__(self, folder: Path, shifts: Mapping[str, float] = SHIFTS, seeds: int = 3) -> None:
        random = np.random.default_rng(0)
        shared = random.normal(-100, 10, (seeds, IMAGES))
        self.folder, self.rows, self.conditions = folder, [], [conditions(flavour) for flavour in shifts]
        for flavour, shift in shifts.items():
            noise = 0 if flavour in ("vae", "twin") else random.normal(0, 0.1, (seeds, IMAGES))
            values = (shared + shift + noise).astype(np.float32)
            savez(folder / f"{flavour}.npz", {f"elbo/seed{seed}": values[seed] for seed in range(seeds)})
            for seed in range(seeds):
                self.add(flavour, seed, "elbo", values[seed].astype(float).mean())
                self.add(flavour, seed, "active_units", 2 + (seed if flavour == "far" else 0))

    def add(self, flavour: str, seed: int, metric: str, value: float, reason: str = "") -> None:
        self.rows.append(("mnist", "mlp", flavour, 2, seed, "", metric, value, np.nan, reason))

    def lose(self, flavour: str, *seeds: int) -> None:
        """What a run that diverged leaves: no value, and no values by image."""
        self.rows = [
            (*row[:7], np.nan, np.nan, "the run diverged in epoch 3") if row[2] == flavour and row[4] in seeds else row
            for row in self.rows
        ]
        with np.load(self.folder / f"{flavour}.npz") as kept:
            left = {name: kept[name] for name in kept.files if int(name[-1]) not in seeds}
        savez(self.folder / f"{flavour}.npz", left)

    def compare(self) -> pd.DataFrame:
        files = [self.folder / f"{cell['flavour']}.npz" for cell in self.conditions]
        return compare(pd.DataFrame(self.rows, columns=METRICS), files, self.conditions, FAMILIES)

    def held(self, role: str, metric: str = "elbo") -> pd.DataFrame:
        found = self.compare()
        return found[(found["role"] == role) & (found["metric"] == metric)].set_index("flavour")


def best(found: pd.DataFrame) -> dict[str, set[str]]:
    return {metric: set(rows["flavour"]) for metric, rows in supported(found).groupby("metric")}


def test_every_flavour_is_held_against_the_plain_vae(tmp_path: Path) -> None:
    study = Study(tmp_path)
    found = study.held("reference")
    assert set(found.index) == set(SHIFTS) - {"vae"} and set(found["against"]) == {"vae"}
    for flavour, row in found.iterrows():
        assert (row["n"], row["images"], row["reason"]) == (3, IMAGES, "")
        assert row["low"] <= SHIFTS[str(flavour)] <= row["high"]
        assert row["high"] - row["low"] < 0.1  # of the paired noise, 100 times less than that of the images
    assert found.loc["twin", ["mean", "low", "high"]].tolist() == [0, 0, 0]
    assert study.held("reference", "active_units").empty  # only means over images


def test_the_best_is_held_against_among_flavours_that_are_no_controls(tmp_path: Path) -> None:
    study = Study(tmp_path)
    assert set(study.held("best")["against"]) == {"near"}
    units = study.held("best", "active_units")
    assert set(units["against"]) == {"far"} and units.loc["vae", ["mean", "images"]].tolist() == [-1, 0]
    assert "mean" not in units.index


def test_bold_are_the_best_and_what_the_interval_does_not_tell_from_it(tmp_path: Path) -> None:
    study = Study(tmp_path, SHIFTS | {"near": 0.0, "twin": -5.0})
    found = study.compare()
    assert best(found)["elbo"] == {"near", "vae"}
    assert "active_units" not in best(found)  # three seeds of far, 2 to 4, are not told from 2
    study.rows = [
        (*row[:7], 4.0, *row[8:]) if row[2] == "far" and row[6] == "active_units" else row for row in study.rows
    ]
    assert best(study.compare())["active_units"] == {"far"}


def test_where_most_are_not_told_from_the_best_nothing_is(tmp_path: Path) -> None:
    assert best(Study(tmp_path, {"vae": 0.0, "twin": 0.0}).compare()) == {}
    assert best(Study(tmp_path, {"vae": 0.0, "twin": 0.0, "far": -5.0}).compare()) == {}
    assert best(Study(tmp_path, {"vae": 0.0, "near": -5.0, "far": -5.0}).compare()) == {"elbo": {"vae"}}
    assert best(Study(tmp_path, {"vae": 0.0, "twin": 0.0, "near": -5.0, "far": -5.0}).compare()) == {
        "elbo": {"vae", "twin"}
    }


def test_one_seed_has_intervals_over_images_and_none_for_what_is_no_mean_over_them(tmp_path: Path) -> None:
    study = Study(tmp_path, {"vae": 0.0, "far": -5.0}, seeds=1)
    found = study.held("reference")
    assert found["n"].eq(1).all() and (found["low"] < found["high"])["far"]
    units = study.held("best", "active_units")
    assert units["low"].isna().all() and set(units["reason"]) == {"fewer than 3 seeds"}
    assert best(study.compare()) == {"elbo": {"vae"}}


def test_only_seeds_of_both_are_compared(tmp_path: Path) -> None:
    study = Study(tmp_path)
    study.lose("far", 1)
    study.lose("near", 0, 1, 2)
    found = study.held("reference")
    assert found.loc["far", "n"] == 2 and found.loc["far", "mean"] == pytest.approx(-5, abs=0.05)
    assert found.loc["near", ["n", "reason"]].tolist() == [0, "the run diverged in epoch 3"]
    assert "near" not in study.held("best").index
    study.lose("vae", 0, 2)
    study.lose("twin", 1)
    found = study.held("reference")
    assert found.loc["twin", "reason"] == "no seed has a value of both it and VAE"
    study.lose("vae", 1)
    assert study.held("reference").loc["mean", "reason"] == "VAE: the run diverged in epoch 3"


def test_what_was_measured_otherwise_is_not_compared(tmp_path: Path) -> None:
    """A row of published values, say, whose convention is its own: it is the best of its kind, and nothing else's."""
    study = Study(tmp_path)
    study.conditions[1] |= {"convention": "none", "test_sha256": "b"}
    study.conditions[2] |= {"likelihood": "gaussian", "likelihood_settings": {"sigma": 1.0}}
    found = study.held("reference")
    for flavour in ("near", "far"):
        assert found.loc[flavour, "reason"] == "its data convention or likelihood is not that of VAE"
    assert found.loc["twin", "reason"] == ""
    assert study.held("best")["against"].to_dict() == {"far": "far", "near": "near", "twin": "twin", "vae": "twin"}


def test_a_block_without_a_plain_vae_says_so(tmp_path: Path) -> None:
    study = Study(tmp_path)
    study.conditions[0]["objective"] = {"name": "beta_vae", "settings": {"beta": 1.0}}
    found = study.held("reference")
    assert set(found["reason"]) == {"its block has no VAE with the default hyperparameters to be held against"}
    assert found["mean"].isna().all() and len(study.held("best")) == 4


def test_differences_are_read_as_they_were_written_whatever_the_order_of_cells(tmp_path: Path) -> None:
    study = Study(tmp_path)
    found = study.compare()
    study.conditions.reverse()
    study.rows.reverse()
    pd.testing.assert_frame_equal(study.compare(), found, check_exact=True)
    found.to_csv(tmp_path / "differences.csv", index=False)
    pd.testing.assert_frame_equal(gather([tmp_path / "differences.csv"]), found, check_exact=True)


def test_a_broken_file_is_told_in_one_line(tmp_path: Path) -> None:
    study = Study(tmp_path)
    (tmp_path / "near.npz").write_bytes(b"PK")
    with pytest.raises(VaebenchError, match=r"near.npz: cannot be read as arrays \(.*\): delete it") as error:
        study.compare()
    assert "\n" not in str(error.value)
