from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import torch
from commands import command, refused

import vaebench
from vaebench.cli import main
from vaebench.study import catalogue

ROOT = Path(__file__).parents[1]
SMALL = ["--latent", "2", "--network-set", "hidden=[8]", "--training", "epochs=1", "batch_size=256"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    vaebench.dataset("digits", folder)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    done = command(
        "train", "digits", "beta_vae", "--set", "beta=2", *SMALL, "--seeds", 0, 4, "--data", data, "--output", folder
    )
    assert done.returncode == 0
    records = {seed: json.loads((folder / f"seed{seed}/run.json").read_text()) for seed in (0, 4)}
    reached = {seed: f"{record['best_objective']:.2f} nats" for seed, record in records.items()}
    assert done.stderr == "".join(
        f"digits/mlp/beta_vae/z2 seed {seed}: epoch 1 of 1, validation objective {best}, 00:00 left\n"
        for seed, best in reached.items()
    )
    assert done.stdout == "".join(
        f"{folder}/seed{seed}: finished after 1 epochs, best at 1 with a validation objective of {best}\n"
        for seed, best in reached.items()
    )
    return folder


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("flavours", "likelihoods", "networks", "metrics"):
        main(["list", kind])
        lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
        expected = []
        for group, names in catalogue.groups(kind).items():
            expected += ([f"[{group}] {catalogue.title(kind, group)}"] if group else []) + names
        assert [line if line.startswith("[") else line.partition(": ")[0] for line in lines] == expected
    done = command("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "equation 4.\n    beta = 4.0  (0 <= float)\n" in done.stdout
    main(["list", "networks"])
    assert "the encoder.\n    hidden = (512, 256)  (a list of integers >= 1)\n" in capsys.readouterr().out


def test_check(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("datasets: {digits: {}}\nflavours: {vae: {}, ae: {}}\nlatents: [2, 3]\nseeds: [4, 5, 6]\n")
    done = command("check", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{path}: 4 cells, 12 runs\n")


def test_a_bad_configuration_is_one_line_and_status_1(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("datasets: {digits: {}}\nflavours: {vea: {}}\nlatents: [2]\n")
    done = command("check", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"vaebench: {path}: unknown flavour 'vea': did you mean vae")
    assert done.stderr.count("\n") == 1
    assert refused("check", tmp_path / "absent.yaml").endswith(": mend the file")


def test_runs_are_those_of_the_library(runs: Path, data: Path) -> None:
    digits = vaebench.dataset("digits", data)
    settings = {"latent": 2, "network_settings": {"hidden": [8]}, "epochs": 1, "batch_size": 256}
    model = vaebench.train("beta_vae", digits, seed=4, hyperparameters={"beta": 2}, **settings)
    for name, value in vaebench.load(runs / "seed4").state_dict().items():
        assert torch.equal(value, model.state_dict()[name])


def test_evaluate(runs: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"importance_samples": 10, "importance_images": 20}
    options = ["--importance-samples", "10", "--importance-images", "20", "--device", "cpu"]
    main(["evaluate", str(runs / "seed4"), "--data", str(data), *options])
    told = capsys.readouterr()
    assert told.err == ""
    found = json.loads(told.out)
    expected = vaebench.evaluate(vaebench.load(runs / "seed4"), vaebench.dataset("digits", data), **counts)
    assert found == expected
    assert found["elbo"] < 0 < found["rate"]


def test_finished_runs_are_kept_and_others_refused_or_replaced(
    tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["train", "digits", "ae", *SMALL, "--data", str(data), "--output", str(tmp_path)]
    main(line)
    record = tmp_path / "seed0/run.json"
    time = record.stat().st_mtime_ns
    main(line)
    assert record.stat().st_mtime_ns == time
    assert refused(*line, "--convention", "none").startswith(f"{tmp_path}/seed0 holds a run of another configuration (")
    assert record.stat().st_mtime_ns == time
    main([*line, "--convention", "none", "--replace"])
    assert json.loads(record.read_text())["cell"]["convention"] == "none"
    assert capsys.readouterr().out.count("finished after 1 epochs") == 3


@pytest.mark.parametrize(
    ("dataset", "flavour", "options", "expected"),
    [
        ("digits", "vea", [], "settings: unknown flavour 'vea': did you mean "),
        ("digit", "vae", [], "dataset: unknown dataset 'digit' without a path: did you mean digits?"),
        ("mine", "vae", ["--path", "absent.npy"], "dataset 'mine': path: absent.npy: no such file or folder"),
        ("My set", "vae", [], "settings: data: 'My set' is no name: take small letters"),
        ("digits", "vae", ["--set", "beta=1"], "settings: flavour 'vae' has no hyperparameter 'beta'"),
        ("digits", "beta_vae", ["--set", "beta"], "'beta' is no setting: write NAME=VALUE"),
        ("digits", "beta_vae", ["--set", "beta=four"], "settings: flavour 'beta_vae': beta = 'four' is not 0 <= float"),
        ("digits", "beta_vae", ["--set", "beta=-1"], "settings: flavour 'beta_vae': beta = -1 is not 0 <= float"),
        ("digits", "vae", ["--network", "mpl"], "settings: unknown network 'mpl': did you mean mlp?"),
        ("digits", "vae", ["--likelihood", "normal"], "settings: unknown likelihood 'normal': "),
        ("digits", "vae", ["--likelihood-set", "sigma=1"], "settings: likelihood 'bernoulli' has no hyperparameter"),
        ("digits", "vae", ["--convention", "grey"], "settings: convention: 'grey' is no choice: "),
        (
            "digits",
            "vae",
            ["--likelihood", "gaussian"],
            "settings: likelihood 'gaussian' is no distribution of the black",
        ),
        ("digits", "vae", ["--seeds", "0", "-1"], "seeds: -1 is not an integer >= 0"),
        ("digits", "vae", ["--training", "epoch=1"], "settings: unknown key 'epoch': did you mean epochs?"),
        ("digits", "vae", ["--training", "epochs=0"], "settings: epochs: 0 is not an integer >= 1"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    tmp_path: Path, data: Path, dataset: str, flavour: str, options: list[str], expected: str
) -> None:
    before = sorted(data.iterdir())
    message = refused(
        "train", dataset, flavour, *SMALL, *options, "--data", data, "--output", tmp_path / "runs", "--device", "cpu"
    )
    assert message.startswith(expected)
    assert list(tmp_path.iterdir()) == []
    assert sorted(data.iterdir()) == before


def test_a_diverged_seed_is_told_and_ends_with_status_1(tmp_path: Path, data: Path) -> None:
    grey = ["--convention", "none", "--likelihood", "gaussian_learned", "--training", "epochs=2", "learning_rate=1e6"]
    line = ["train", "digits", "vae", *SMALL[:4], *grey, "--data", data, "--output", tmp_path]
    done = command(*line, "--seeds", 0, 3)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [f"{tmp_path}/seed{seed}: the run diverged in epoch 1" for seed in (0, 3)]
    told = "vaebench: vae, seed 0: the run diverged in epoch 1, seed 3: the run diverged in epoch 1: lower the learning"
    assert done.stderr.splitlines()[-1].startswith(told)
    message = refused("evaluate", tmp_path / "seed3", "--data", data)
    assert message.startswith("vae, seed 3: the run diverged in epoch 1: lower the learning_rate")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_one_line(tmp_path: Path, data: Path) -> None:
    line = "train", "digits", "vae", *SMALL, "--device", "cuda", "--data", data, "--output", tmp_path / "runs"
    assert refused(*line).startswith("device: cuda is asked for, but torch sees no GPU")
    assert list(tmp_path.iterdir()) == []


def test_bad_evaluations_are_one_line(tmp_path: Path, runs: Path) -> None:
    assert refused("evaluate", tmp_path / "absent").startswith(f"{tmp_path}/absent: no finished run here (")
    np.save(tmp_path / "other.npy", np.zeros((14, 8, 8), np.uint8))
    vaebench.dataset("digits", tmp_path, path=str(tmp_path / "other.npy"))
    message = refused("evaluate", runs / "seed0", "--data", tmp_path)
    assert message.startswith(f"{runs}/seed0 was trained on other data than {tmp_path} holds: give the folder")
    (tmp_path / "digits.safetensors").write_bytes(b"")
    assert refused("evaluate", runs / "seed0", "--data", tmp_path).endswith(": delete it to prepare it again")


@pytest.mark.parametrize("option", ["--latent", "--threads"])
@pytest.mark.parametrize("value", ["0", "-1", "2.5", "two"])
def test_counts_are_positive(tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["train", "digits", "vae", *SMALL, option, value, "--output", str(tmp_path / "runs")])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(f"argument {option}: '{value}' is not an integer >= 1\n")
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_stops_early_is_no_error() -> None:
    command = f"{sys.executable} -m vaebench list | head -1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert (result.stdout.count("\n"), result.stderr) == (1, "")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    main(["train", "digits", "vae", *SMALL, "--output", str(folder), "--data", str(data)])
    return folder / "seed0"


def test_sampling_and_encoding_a_run(run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the library does it; a fitted sampler is kept with the run and taken up again."""
    monkeypatch.chdir(tmp_path)
    digits, model = vaebench.dataset("digits", data), vaebench.load(run)
    sampled = ["sample", str(run), "--data", str(data), "--sampler", "gaussian_mixture", "--count", "6", "--output"]
    main([*sampled, "images.npz"])
    kept = (run / "samplers/gaussian_mixture.safetensors").stat().st_mtime_ns
    expected = vaebench.sample(model, 6, sampler="gaussian_mixture", data=digits)
    np.testing.assert_array_equal(np.load("images.npz")["images"], expected)
    main([*sampled, "grid.png"])
    assert (run / "samplers/gaussian_mixture.safetensors").stat().st_mtime_ns == kept
    pixels = matplotlib.image.imread("grid.png")[::4, ::4, 0]
    np.testing.assert_allclose(pixels[:8, :8], expected[0, 0], atol=1 / 255)
    np.save("some.npy", digits.test.images[:5, 0])
    for name in ("codes.csv", "codes.npz"):
        main(["encode", str(run), "some.npy", "--output", name])
    codes = vaebench.encode(model, digits.test.images[:5])
    np.testing.assert_array_equal(np.load("codes.npz")["codes"], codes)
    table = pd.read_csv("codes.csv")
    assert list(table) == ["z1", "z2"]
    np.testing.assert_allclose(table, codes, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sampler", "hypersphere", "--output", "a.png"], "'hypersphere' does not apply: its latents do not lie on"),
        (["--sampler", "gausian_mixture", "--output", "a.png"], "did you mean gaussian_mixture"),
        (["--sampler", "flow", "--set", "layers=0", "--output", "a.png"], "layers"),
        (["--output", "a.jpg"], "give a name that ends with .png or .npz"),
        (["--output", "absent/a.png"], "no such folder"),
    ],
)
def test_samples_that_cannot_be_drawn_are_told_in_a_line(
    arguments: list[str], said: str, run: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused("sample", run, "--data", data, *arguments)
    assert list(tmp_path.iterdir()) == []
