"""What is measured of a cell's runs, and under what conditions it says that it was."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from faults import fault

import vaebench
from vaebench.data.dataset import Data, Split
from vaebench.evaluation.kept import Shelf
from vaebench.evaluation.measure import Measured, measure
from vaebench.files import sha256, signed
from vaebench.model.abilities import REASONS
from vaebench.study import config
from vaebench.study.config import Cell, Evaluation, Geometry
from vaebench.study.views import metrics as of_views
from vaebench.training import runs

CPU = torch.device("cpu")
SMALL = {"latent": 2, "epochs": 2, "batch_size": 50, "network_settings": {"hidden": [8]}}
CELL = config.cell("beta_vae", hyperparameters={"beta": 0.5}, masking=0.25, **SMALL)
EVALUATION, GEOMETRY = Evaluation(25, 20, 2), Geometry(points=90, pairs=4)


@pytest.fixture(scope="module")
def data() -> Data:
    return vaebench.dataset("digits", limits={"train": 200, "validation": 50, "test": 60})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, data: Data) -> list[Path]:
    return runs.train(CELL, [0, 3], data, tmp_path_factory.mktemp("runs"), device=CPU)


@pytest.fixture(scope="module")
def found(folders: list[Path], data: Data) -> Measured:
    return measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU)


def of(found: Measured, seed: int) -> dict[str, dict]:
    return {row["metric"]: row for row in found.metrics if row["seed"] == seed}


def test_means_over_images_come_with_their_errors_and_values(found: Measured) -> None:
    means = {"elbo", "rate", "distortion", "nll", "mse", "psnr", "ssim", "ms_ssim", "bce", "noise_sensitivity"}
    means |= {"mutual_information", "marginal_kl", "total_correlation", "dimension_wise_kl"}
    assert set(found.per_image) == {f"{name}/seed{seed}" for name in means for seed in (0, 3)}
    for seed in (0, 3):
        rows = of(found, seed)
        assert {name for name, row in rows.items() if row["error"] is not None} == means
        for name in means:
            each = found.per_image[f"{name}/seed{seed}"]
            assert each.dtype == np.float32 and each.shape == (60,)
            if name == "nll":
                assert np.isfinite(each).nonzero()[0].tolist() == list(range(0, 60, 3))
                assert 0 < rows[name]["error"] < 1.5 * np.nanstd(each) / 20**0.5
            else:
                assert each.mean() == pytest.approx(rows[name]["value"], rel=1e-5)
                assert np.std(each, ddof=1) / 60**0.5 == pytest.approx(rows[name]["error"], rel=1e-4)
    elbo, rate, distortion = (found.per_image[f"{name}/seed3"] for name in ("elbo", "rate", "distortion"))
    np.testing.assert_allclose(elbo, -distortion - rate, rtol=1e-5)


def test_conditions_are_those_of_the_runs(found: Measured) -> None:
    expected = {
        "dataset": "digits",
        "architecture": "mlp",
        "flavour": "beta_vae",
        "latent": 2,
        "objective": {"name": "beta_vae", "settings": {"beta": 0.5}},
        "likelihood": "bernoulli",
        "likelihood_settings": {},
        "own_likelihood": "",
        "convention": "dynamic",
        "masking": 0.25,
        "precision": "float32",
        "warmup": 0,
        "decoders": 1,
        "seeds": [0, 3],
        "diverged": [],
        "epochs": [2, 2],
        "test_images": 60,
        "importance_samples": 25,
        "importance_images": 20,
        "geometry_metrics": ["euclidean"],
        "points": 60,
        "pairs": 4,
        "device": "cpu",
    }
    assert {name: found.conditions[name] for name in expected} == expected
    assert "validation" in found.conditions["selection"]
    assert found.conditions["network"]["settings"]["hidden"] in ([8], (8,))
    json.dumps(found.conditions)


def test_a_likelihood_of_its_own_is_said(data: Data, tmp_path: Path) -> None:
    cell = config.cell("sigma_vae", convention="none", **SMALL)
    found = measure(cell, runs.train(cell, [0], data, tmp_path, device=CPU), data, EVALUATION, None, CPU)
    reason = found.conditions["own_likelihood"]
    assert "Gaussian" in reason
    assert {of(found, 0)[name]["reason"] for name in ("elbo", "nll", "distortion", "high_pareto_k")} == {reason}
    assert of(found, 0)["rate"]["value"] is not None
    assert found.conditions["points"] is found.conditions["pairs"] is found.conditions["geometry_metrics"] is None


def test_a_run_that_diverged_has_no_values_and_others_are_shown(
    folders: list[Path], data: Data, found: Measured, tmp_path: Path
) -> None:
    """Though its weights are there, and though values were kept before it was known to be lost."""
    copies = [shutil.copytree(folder, tmp_path / folder.name) for folder in folders]
    measure(CELL, copies, data, EVALUATION, None, CPU, tmp_path / "kept")
    (copies[0] / "run.json").write_text(signed(runs.record(copies[0]) | {"status": "diverged"}))
    again = measure(CELL, copies, data, EVALUATION, GEOMETRY, CPU, tmp_path / "kept")
    reason = runs.lost(runs.record(copies[0]))
    assert reason
    assert {(row["value"], row["error"], row["reason"]) for row in of(again, 0).values()} == {(None, None, reason)}
    rest, whole = of(again, 3), of(found, 3)
    for name in of_views(["seeds"], "default")["seeds"]:
        assert whole.pop(name)["value"] is not None
        assert rest.pop(name)["reason"] == "there is no other seed to hold it against"
    assert rest == whole
    assert {key.partition("/")[2] for key in again.per_image} == {"seed3"}
    assert (again.conditions["seeds"], again.conditions["diverged"]) == ([0, 3], [0])
    assert again.distances is not None
    assert {row["reason"] for row in again.distances if row["seed"] == 0} == {reason}
    named = dataclasses.replace(data, classes=tuple("ABCDEFGHIJ"))
    shown = measure(CELL, copies, named, EVALUATION, GEOMETRY, CPU, tmp_path / "kept")
    assert shown.geometry is not None and again.gallery["classes"].tolist() == []
    assert shown.gallery["classes"].tolist() == shown.geometry["classes"].tolist() == list("ABCDEFGHIJ")
    alone = measure(CELL, copies[1:], data, EVALUATION, GEOMETRY, CPU)
    for name in ("gallery", "geometry"):
        shown, wanted = getattr(again, name), getattr(alone, name)
        assert {key: value.tobytes() for key, value in shown.items()} == {
            key: value.tobytes() for key, value in wanted.items()
        }


def test_a_cell_of_lost_runs_says_so_everywhere(folders: list[Path], data: Data, tmp_path: Path) -> None:
    copy = shutil.copytree(folders[0], tmp_path / "seed0")
    (copy / "run.json").write_text(signed(runs.record(copy) | {"status": "diverged"}))
    found = measure(CELL, [copy], data, EVALUATION, GEOMETRY, CPU)
    reason = runs.lost(runs.record(copy))
    assert all(row["value"] is None and row["reason"] == reason for row in found.metrics)
    assert found.geometry is not None and str(found.gallery["reason"]) == str(found.geometry["reason"]) == reason
    assert found.per_image == {}


def test_runs_of_another_cell_or_of_other_data_are_refused(folders: list[Path], data: Data, tmp_path: Path) -> None:
    """Though their values are kept."""
    measure(CELL, folders[:1], data, EVALUATION, None, CPU, tmp_path / "kept")

    def refused(cell: Cell, folder: Path = folders[0], data: Data = data, kept: Path | None = tmp_path / "kept") -> str:
        return fault(lambda: measure(cell, [folder], data, EVALUATION, None, CPU, kept))

    other = config.cell("beta_vae", hyperparameters={"beta": 0.5}, masking=0.25, convention="none", **SMALL)
    where = f"{folders[0]} holds a run of another configuration"
    assert refused(other) == f"{where} (convention: dynamic -> none): train it again"
    assert refused(CELL, data=dataclasses.replace(data, checksum="new")).startswith(f"{where} (data: ")
    mixed = shutil.copytree(folders[0], tmp_path / "seed0")
    strange = vaebench.build("beta_vae", (1, 8, 8), hyperparameters={"beta": 0.5}, convention="none", **SMALL)
    record = runs.record(mixed)
    vaebench.save(strange, mixed / "best.safetensors")
    record["files"]["best.safetensors"] = sha256(mixed / "best.safetensors")
    (mixed / "run.json").write_text(signed(record))
    assert "convention: none -> dynamic" in refused(CELL, mixed, kept=None)


def test_a_table_is_no_image(data: Data, tmp_path: Path) -> None:
    """Errors are in the data's own units, nothing is clamped to [0, 1], and there are no pictures of pixels."""
    splits = {
        name: Split(10 * split.images[:, :, 2:3, 2:7].permute(0, 3, 1, 2).float() / 255 - 3, split.labels)
        for name, split in (("train", data.train), ("validation", data.validation), ("test", data.test))
    }
    table = dataclasses.replace(data, name="table", checksum="table", scale="real", **splits)
    assert table.shape == (5, 1, 1)
    likelihood = {"likelihood": "gaussian", "likelihood_settings": {"sigma": 1.0}}
    cell = config.cell("vae", data="table", convention="none", **likelihood, **SMALL)
    folders = runs.train(cell, [0], table, tmp_path, device=CPU)
    found = measure(cell, folders, table, EVALUATION, GEOMETRY, CPU)
    rows = of(found, 0)
    for name in ("psnr", "ssim"):
        assert (rows[name]["value"], rows[name]["reason"]) == (None, REASONS["images"])
    model, x = vaebench.load(folders[0]), table.test.images
    with torch.no_grad():
        decoded = model.decode(model.encode(x))
    assert decoded.min() < 0
    assert rows["mse"]["value"] == pytest.approx(float((decoded - x).square().mean()), rel=1e-5)
    assert rows["elbo"]["value"] < rows["mse"]["value"]
    assert str(found.gallery["images_reason"]) == REASONS["images"] and not {"originals", "samples"} & {*found.gallery}
    assert found.gallery["latent_means"].shape == (60, 2) and str(found.gallery["reason"]) == ""
    geometry = found.geometry
    assert geometry is not None and found.distances is not None
    assert str(geometry["reason"]) == "" and "line_images" not in geometry
    assert str(geometry["curve_reason"]) == REASONS["images"] and geometry["plane_lines"].shape[0] == 4
    assert all(row["value"] is not None for row in found.distances if row["distance"] == "line")
    assert (found.conditions["likelihood"], found.conditions["likelihood_settings"]) == ("gaussian", {"sigma": 1.0})


def test_one_test_image_and_one_class(data: Data, tmp_path: Path) -> None:
    cell = config.cell("ae", **SMALL)
    one = dataclasses.replace(data, test=Split(data.test.images[:1], data.test.labels[:1]))
    folders = runs.train(cell, [0], one, tmp_path, device=CPU)
    found = measure(cell, folders, one, EVALUATION, GEOMETRY, CPU)
    assert of(found, 0)["mse"]["value"] is not None and of(found, 0)["mse"]["error"] is None
    assert found.conditions["pairs"] == 0
    reason = "a geometry needs two test images, and there is one"
    assert found.distances is not None and {row["reason"] for row in found.distances} == {reason}
    assert of(found, 0)["log_condition"]["reason"] == reason
    alike = dataclasses.replace(
        data,
        **{
            name: Split(getattr(data, name).images, torch.zeros_like(getattr(data, name).labels))
            for name in ("train", "test")
        },
    )
    rows = of(measure(cell, folders, alike, EVALUATION, GEOMETRY, CPU), 0)
    for name in ("neighbour_accuracy", "cluster_agreement"):
        assert (rows[name]["value"], rows[name]["reason"]) == (None, "all test images are of one class")
    assert rows["class_switches"]["reason"] == "all training images are of one class"
    assert rows["trusted_geodesics"]["value"] is not None


def test_vectors_are_kept_to_the_last_bit(tmp_path: Path) -> None:
    vector = np.array([1 / 3, -0.0, np.nan, np.inf, 1e-45], np.float32)
    shelf = Shelf(tmp_path, "seed0", {})
    shelf.rows("elbo", {}, lambda: [{"value": 1.0, "each": vector}])
    shelf.close()
    [row] = Shelf(tmp_path, "seed0", {}).rows("elbo", {}, list)
    assert (row["value"], row["each"].dtype, row["each"].tobytes()) == (1.0, np.dtype(np.float32), vector.tobytes())
