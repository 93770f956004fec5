"""``vaebench check`` opens what a study names, and refuses what training would refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import vaebench
from vaebench.cli import main
from vaebench.data.card import card, lines
from vaebench.errors import VaebenchError
from vaebench.study import config
from vaebench.training.rehearsal import rehearse

STUDY = {
    "datasets": {"own": {"path": "own {1}.npy"}},
    "flavours": {"vae": {}},
    "architectures": {"mlp": {"hidden": [4]}},
    "latents": [2],
    "seeds": [0, 1],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with one dataset, and no mirror."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAEBENCH_MIRROR", raising=False)
    np.save("own {1}.npy", np.random.default_rng(0).integers(0, 256, (14, 8, 8), np.uint8))
    return tmp_path


def checked(capsys: pytest.CaptureFixture[str], **settings: Any) -> tuple[list[str], list[str]]:
    """What a check of the study with other settings says, and the faults that it tells if its exit status is 1."""
    Path("study.yaml").write_text(yaml.safe_dump(STUDY | settings, sort_keys=False))
    try:
        main(["check", "study.yaml"])
        status = 0
    except SystemExit as end:
        status = end.code
    told = capsys.readouterr()
    assert status == bool(told.err)
    return told.out.splitlines(), [line.removeprefix("vaebench: study.yaml: ") for line in told.err.splitlines()]


def test_it_prints_the_card_of_each_dataset_and_leaves_nothing(here: Path, capsys: Any) -> None:
    said, faults = checked(capsys, datasets=STUDY["datasets"] | {"mnist": {}})
    assert faults == [] and said[0] == "study.yaml: 2 cells, 4 runs"
    told = lines(card(vaebench.dataset("own", path="own {1}.npy")))
    assert [line.strip() for line in said[1:-1]] == [f"own: {told[0]}", *told[1:]]
    assert said[-1] == "mnist: neither downloaded nor in a mirror on this machine: to be fetched"
    assert {path.name for path in here.iterdir()} == {"own {1}.npy", "study.yaml"}


def test_every_fault_is_told_at_once(here: Path, capsys: Any) -> None:
    np.save("labels.npy", np.zeros(13, int))
    Path("broken.npz").write_bytes(b"PK no archive")
    datasets = {
        "gone": {"path": "gone.npy"},
        "unlabelled": {"path": "own {1}.npy", "labels": "none.npy"},
        "mislabelled": {"path": "own {1}.npy", "labels": "labels.npy"},
        "broken": {"path": "broken.npz"},
    }
    said, faults = checked(
        capsys,
        datasets=STUDY["datasets"] | datasets,
        flavours={"vq_vae": {"code_size": 2}, "mean": {}, "poincare_vae": {"prior_std": 20.0}},
        latents=[3, 2],
        likelihood={"name": "categorical", "settings": {"levels": 2}},
        convention="none",
        mirror="no/mirror",
        pathvars={"results": "broken.npz/results"},
    )
    expected = [
        "results: nothing can be written to broken.npz/results",
        "mirror: no/mirror: no such folder",
        f"dataset 'gone': path: gone.npy: no such file or folder in {here}: mend the path",
        f"dataset 'unlabelled': labels: none.npy: no such file or folder in {here}: mend the path",
        "labels.npy: labels are ",
        "broken.npz: cannot be read as ",
        "own/mlp/vq_vae/z3: flavour 'vq_vae': code_size = 2 does not divide the latent size 3: ",
        "own/mlp/mean/z3 and 1 more: flavour 'mean' fits no 'categorical' likelihood: ",
        "own/mlp/poincare_vae/z3 and 1 more: poincare_vae: the prior lies beyond what float32 resolves: ",
    ]
    assert len(faults) == len(expected)
    for fault, start in zip(faults, expected, strict=True):
        assert fault.startswith(start), fault
    assert said[1].startswith("own: 14 images of 8x8 pixels")


def test_what_is_refused_is_what_training_refuses() -> None:
    table = np.random.default_rng(0).normal(size=(14, 3)).astype(np.float32)
    np.save("table.npy", table)
    data = {name: vaebench.dataset(name, path=path) for name, path in (("own", "own {1}.npy"), ("table", "table.npy"))}
    settings = {"network_settings": {"hidden": [4]}, "epochs": 1}
    for name, flavour, convention, latent, more in (
        ("own", "vae", "dynamic", 2, {}),
        ("own", "vq_vae", "dynamic", 3, {"hyperparameters": {"code_size": 2}}),
        ("table", "vae", "dynamic", 2, {}),
        ("table", "vae", "none", 2, {"likelihood": "gaussian"}),
        ("own", "poincare_vae", "dynamic", 2, {"network": "conv", "network_settings": {"channels": [2]}}),
    ):
        cell = config.cell(flavour, latent=latent, data=name, convention=convention, **settings | more)
        faults = rehearse([cell], data)
        try:
            vaebench.train(flavour, data[name], latent=latent, convention=convention, **settings | more)
            assert faults == []
        except VaebenchError as error:
            assert faults == [f"{cell.path}: {error}"]


@pytest.mark.slow
def test_every_flavour_passes_at_its_defaults() -> None:
    study = config.check(STUDY | {"flavours": {"all": {}}})
    assert rehearse(study.cells(), {"own": vaebench.dataset("own", path="own {1}.npy")}) == []


@pytest.mark.parametrize(
    ("pathvars", "fault"),
    [
        ({"results": "res{3}"}, "pathvars.results: res{3}: Snakemake takes no '{' in a folder"),
        ({"data": "~/data"}, "pathvars.data: ~/data: Snakemake takes no '~' in a folder"),
        ({"logs": "<result>/logs"}, "pathvars.logs: <result>/logs: Snakemake takes no '<result>' in a folder"),
        ({"results": "<data>"}, "pathvars.results: <data>: Snakemake takes no '<results>' in a folder"),
    ],
)
def test_folders_that_snakemake_cannot_take(pathvars: dict[str, str], fault: str) -> None:
    with pytest.raises(VaebenchError) as caught:
        config.check(STUDY | {"pathvars": pathvars})
    assert str(caught.value).startswith(f"config: {fault}")


def test_folders_lie_in_each_other() -> None:
    places = config.check(STUDY | {"pathvars": {"results": "a b", "logs": "<data>/logs"}}).places()
    assert {name: str(place) for name, place in places.items()} == {
        "results": "a b",
        "data": "a b/data",
        "logs": "a b/data/logs",
        "benchmarks": "a b/benchmarks",
    }
