"""Measurements that are kept: nothing is measured twice, and what is kept is what was measured, to the last bit."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from vaebench import interface
from vaebench.data.dataset import Data
from vaebench.evaluation import measure as measuring
from vaebench.evaluation.kept import Shelf
from vaebench.evaluation.measure import Measured, measure
from vaebench.evaluation.metrics import latent
from vaebench.files import seal, signed
from vaebench.study import catalogue, config
from vaebench.study.config import Evaluation, Geometry
from vaebench.study.views import metrics as of_views
from vaebench.training import runs

CPU = torch.device("cpu")
EVALUATION, GEOMETRY = Evaluation(3, 10, 2), Geometry(points=4, pairs=2)
CELL = config.cell("vae", latent=2, epochs=2, batch_size=50, network_settings={"hidden": [8]})
MODEL, CODES, STABILITY, SURVEY = (
    of_views([view], "default")[view] for view in ("model", "representation", "seeds", "survey")
)
ALONE = [*MODEL, *CODES, *SURVEY, "distances"]
WHOLE = [*ALONE, *STABILITY]
PICTURES = ["gallery", "geometry"]  # of the first seed alone


@pytest.fixture(scope="module")
def data() -> Data:
    return interface.dataset("digits", limits={"train": 200, "validation": 50, "test": 60})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, data: Data) -> list[Path]:
    return runs.train(CELL, [0, 1], data, tmp_path_factory.mktemp("runs"), device=CPU)


@pytest.fixture(scope="module")
def fresh(folders: list[Path], data: Data) -> Measured:
    """What is measured without a shelf."""
    return measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, folders: list[Path], data: Data) -> Path:
    """A shelf with everything on it, to be copied."""
    shelf = tmp_path_factory.mktemp("kept")
    measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU, shelf)
    return shelf


@pytest.fixture
def kept(tmp_path: Path, filled: Path) -> Path:
    return shutil.copytree(filled, tmp_path / "kept")


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Run and name of every measurement that is not found on a shelf."""
    found: list[tuple[str, str]] = []

    class Counted(Shelf):
        def rows(self, what: str, more: dict, measure: Callable) -> list:
            return super().rows(what, more, lambda: found.append((self.name, what)) or measure())

        def arrays(self, what: str, more: dict, measure: Callable) -> dict:
            return super().arrays(what, more, lambda: found.append((self.name, what)) or measure())

    monkeypatch.setattr(measuring, "Shelf", Counted)
    return found


def of(seeds: list[int], *names: str) -> list[tuple[str, str]]:
    return sorted((f"seed{seed}", name) for seed in seeds for name in names)


def values(found: Measured, metric: str) -> list[float | None]:
    return [row["value"] for row in found.metrics if row["metric"] == metric]


def assert_same(one: Measured, other: Measured) -> None:
    """To the last bit."""
    for name in ("metrics", "history", "compute", "distances"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("per_image", *PICTURES):
        a, b = getattr(one, name), getattr(other, name)
        assert list(a) == list(b)
        for label in a:
            assert (a[label].dtype, a[label].shape) == (b[label].dtype, b[label].shape), label
            assert a[label].tobytes() == b[label].tobytes(), label
    assert one.conditions == other.conditions


def test_what_is_kept_is_what_is_measured_without_a_shelf(
    fresh: Measured, folders: list[Path], data: Data, tmp_path: Path, taken: list[tuple[str, str]]
) -> None:
    assert_same(measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU, tmp_path), fresh)
    assert sorted(taken) == sorted(of([0, 1], *WHOLE) + of([0], *PICTURES))
    assert any(row["value"] is not None for row in fresh.metrics)
    assert fresh.distances is not None and fresh.geometry is not None


def test_a_second_time_computes_nothing(
    fresh: Measured,
    folders: list[Path],
    data: Data,
    kept: Path,
    taken: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*arguments: object) -> None:
        raise AssertionError(arguments)

    loaded = catalogue.load
    monkeypatch.setattr(measuring, "load", broken)  # no model is read
    monkeypatch.setattr(  # and no metric
        catalogue, "load", lambda kind, name: broken(name) if kind == "metrics" else loaded(kind, name)
    )
    assert_same(measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU, kept), fresh)
    assert taken == []


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        (catalogue.path_of("metrics", "mse"), of([0, 1], "mse")),
        (catalogue.path_of("metrics", "flatness"), of([0, 1], "flatness")),
        ("evaluation/pictures.py", of([0], "gallery")),
        ("evaluation/survey/pictures.py", of([0], "geometry")),
        ("evaluation/survey/survey.py", sorted(of([0, 1], *SURVEY, "distances") + of([0], "geometry"))),
        ("evaluation/subject.py", sorted(of([0, 1], *MODEL) + of([0], "gallery"))),
    ],
    ids=lambda value: Path(value).name if isinstance(value, str | Path) else "",
)
def test_what_is_measured_by_changed_code_is_measured_again_alone(
    fresh: Measured,
    folders: list[Path],
    data: Data,
    kept: Path,
    taken: list[tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    changed: str | Path,
    again: list[tuple[str, str]],
) -> None:
    code = catalogue.fingerprint
    monkeypatch.setattr(catalogue, "fingerprint", lambda *files: code(*files) + "new" * (changed in files))
    assert_same(measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU, kept), fresh)
    assert sorted(taken) == again
    taken.clear()
    measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU, kept)
    assert taken == []


def test_a_new_metric_and_an_edited_one_are_measured_alone(
    fresh: Measured,
    folders: list[Path],
    data: Data,
    kept: Path,
    taken: list[tuple[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the two above, by real edits of a copy of the package."""
    copy = tmp_path / "vaebench"
    shutil.copytree(catalogue.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(catalogue, "PACKAGE", copy)
    with (copy / "evaluation/metrics/reconstruction/mse.py").open("a") as file:
        file.write("\nADDED = 1\n")
    new = (copy / "evaluation/metrics/latent/active_units.py").read_text()
    (copy / "evaluation/metrics/latent/lazy_units.py").write_text(new.replace("active_units", "lazy_units"))
    monkeypatch.setattr(latent, "__path__", [*latent.__path__, str(copy / "evaluation/metrics/latent")])
    found = measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU, kept)
    monkeypatch.delitem(sys.modules, "vaebench.evaluation.metrics.latent.lazy_units")
    assert sorted(taken) == of([0, 1], "lazy_units", "mse")
    assert [row for row in found.metrics if row["metric"] != "lazy_units"] == fresh.metrics
    assert values(found, "lazy_units") == values(fresh, "active_units")


def test_a_new_seed_measures_only_itself(
    fresh: Measured, folders: list[Path], data: Data, tmp_path: Path, taken: list[tuple[str, str]]
) -> None:
    measure(CELL, folders[:1], data, EVALUATION, GEOMETRY, CPU, tmp_path)
    assert sorted(taken) == sorted(of([0], *ALONE, *PICTURES))
    taken.clear()
    assert_same(measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU, tmp_path), fresh)
    assert sorted(taken) == sorted(of([1], *WHOLE) + of([0], *STABILITY))  # to which the new seed is another


def test_what_a_measurement_depends_on_is_what_it_is_kept_under(
    folders: list[Path], data: Data, kept: Path, tmp_path: Path, taken: list[tuple[str, str]]
) -> None:
    """Settings of the evaluation, settings of the geometry, and the run itself, each without the others."""

    def again(folders: list[Path], evaluation: Evaluation, geometry: Geometry | None) -> list[tuple[str, str]]:
        taken.clear()
        measure(CELL, folders, data, evaluation, geometry, CPU, kept)
        return sorted(taken)

    assert again(folders, Evaluation(4, 10, 2), GEOMETRY) == sorted(of([0, 1], *MODEL) + of([0], "gallery"))
    other = Geometry(metrics=["fisher_rao"], points=4, pairs=2)
    assert again(folders, Evaluation(4, 10, 2), other) == sorted(of([0, 1], *SURVEY, "distances") + of([0], "geometry"))
    assert again(folders, Evaluation(4, 10, 2), None) == []
    assert again(folders, Evaluation(4, 10, 3), other) == of([0], "gallery")
    assert again(folders, Evaluation(4, 10, 2), other) == of([0], "gallery")
    replaced = shutil.copytree(folders[0], tmp_path / "seed0")
    (replaced / "run.json").write_text(signed(runs.record(replaced) | {"key": "another"}))
    assert again([replaced, folders[1]], Evaluation(4, 10, 2), other) == sorted(
        of([0], *WHOLE, *PICTURES) + of([1], *STABILITY)
    )


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"3", b"[[1, 2, 3]]", b"\xff\xfe", '{"mse": [], "nll": {}}', -10]
)
def test_a_damaged_file_of_values_is_measured_again(
    fresh: Measured,
    folders: list[Path],
    data: Data,
    kept: Path,
    taken: list[tuple[str, str]],
    content: bytes | str | int,
) -> None:
    path = kept / "seed1.json"
    whole = path.read_bytes()
    damaged = whole[:content] if isinstance(content, int) else content
    path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    found = measure(CELL, folders, data, EVALUATION, None, CPU, kept)
    assert sorted(taken) == of([1], *MODEL, *CODES, *STABILITY)
    names = {row["metric"] for row in found.metrics}
    assert found.metrics == [row for row in fresh.metrics if row["metric"] in names]
    taken.clear()
    measure(CELL, folders, data, EVALUATION, None, CPU, kept)
    assert taken == []


def test_a_value_that_is_damaged_by_itself_is_measured_again_alone(
    folders: list[Path], data: Data, kept: Path, taken: list[tuple[str, str]]
) -> None:
    path = kept / "seed0.json"
    found = json.loads(path.read_text())
    found |= {"mse": {}, "nll": [], "elbo": None}
    del found["rate"]
    path.write_text(json.dumps(found))
    seal(path)
    measure(CELL, folders, data, EVALUATION, GEOMETRY, CPU, kept)
    assert sorted(taken) == of([0], "elbo", "mse", "nll", "rate")


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "garbled", "other"])
def test_a_damaged_file_of_pictures_is_measured_again(
    fresh: Measured, folders: list[Path], data: Data, kept: Path, taken: list[tuple[str, str]], damage: str
) -> None:
    path = kept / "seed0-gallery.npz"
    whole = path.read_bytes()
    middle = len(whole) // 3
    contents = {
        "empty": b"",
        "text": b"no archive",
        "cut": whole[:-20],
        "garbled": whole[:middle] + bytes(byte ^ 255 for byte in whole[middle : middle + 200]) + whole[middle + 200 :],
    }
    if damage == "other":
        np.savez(path, originals=np.zeros(3))
    else:
        path.write_bytes(contents[damage])
    found = measure(CELL, folders, data, EVALUATION, None, CPU, kept)
    assert taken == [("seed0", "gallery")]
    assert {name: value.tobytes() for name, value in found.gallery.items()} == {
        name: value.tobytes() for name, value in fresh.gallery.items()
    }
    taken.clear()
    measure(CELL, folders, data, EVALUATION, None, CPU, kept)
    assert taken == []


def test_values_come_back_to_the_last_bit(tmp_path: Path) -> None:
    floats = [0.1 + 0.2, 1 / 3, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, math.pi, 1e22, 1.0]
    rows = [{"part": "", "value": value, "reason": "a “reason”, 'β'\n"} for value in [*floats, None, 3]]
    shelf = Shelf(tmp_path, "seed0", {"run": "key"})
    assert shelf.rows("mse", {"code": "a"}, lambda: rows) == rows
    shelf.close()
    again = Shelf(tmp_path, "seed0", {"run": "key"}).rows("mse", {"code": "a"}, lambda: [])
    assert [(type(row["value"]), str(row["value"]), row) for row in again] == [
        (type(row["value"]), str(row["value"]), row) for row in rows
    ]
    for facts, more in (({"run": "other"}, {"code": "a"}), ({"run": "key"}, {"code": "b"})):
        assert Shelf(tmp_path, "seed0", facts).rows("mse", more, lambda: ["anew"]) == ["anew"]


def test_arrays_come_back_with_their_bytes_and_kinds(tmp_path: Path) -> None:
    arrays = {
        "single": np.array([[0.1, np.nan, -np.inf]], np.float32),
        "double": np.array([1 / 3, 5e-324]),
        "whole": np.arange(3),
        "truth": np.array([True, False]),
        "text": np.array(["longitude", "β"]),
        "reason": np.array(""),
    }
    Shelf(tmp_path, "seed0", {}).arrays("gallery", {}, lambda: arrays)
    again = Shelf(tmp_path, "seed0", {}).arrays("gallery", {}, dict)
    assert list(again) == list(arrays)
    for name, value in arrays.items():
        assert (again[name].dtype, again[name].shape) == (value.dtype, value.shape)
        assert again[name].tobytes() == value.tobytes()


def test_without_a_folder_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shelf = Shelf(None, "seed0", {})
    assert shelf.rows("mse", {}, lambda: [1]) == [1]
    assert shelf.arrays("gallery", {}, lambda: {"a": np.zeros(2)}).keys() == {"a"}
    shelf.close()
    assert list(tmp_path.iterdir()) == []
