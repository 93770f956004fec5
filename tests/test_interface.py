from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from torch import Tensor

import vaebench
from vaebench import random
from vaebench.data.binarisation import fixed, scaled
from vaebench.data.dataset import Data
from vaebench.errors import VaebenchError
from vaebench.flavours.gaussian.vae import vae
from vaebench.model.likelihoods.bernoulli import bernoulli
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE
from vaebench.study import config

SETTINGS = {"latent": 2, "epochs": 2, "batch_size": 64, "network_settings": {"hidden": [32, 16]}}
FLAVOURS = ["ae", "beta_vae", "copy", "mean", "vae"]


@pytest.fixture(scope="module")
def digits() -> Data:
    return vaebench.dataset("digits")


@pytest.fixture(scope="module")
def few() -> Data:
    return vaebench.dataset("digits", limits={"train": 320})


@pytest.fixture(scope="module")
def images(digits: Data) -> Tensor:
    return scaled(fixed(digits.test.images, "dynamic", "test"))


@pytest.fixture(scope="module")
def trained(digits: Data) -> VAE:
    return vaebench.train("vae", digits, **SETTINGS)


def assert_same_weights(a: VAE, b: VAE) -> None:
    assert list(a.state_dict()) == list(b.state_dict())
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name


# Building


def test_the_package_offers_its_interface() -> None:
    assert all(callable(getattr(vaebench, name)) for name in vaebench.__all__)
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        vaebench.trian  # noqa: B018


def test_fresh_weights_are_a_function_of_the_seed() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        state = torch.get_rng_state()
        first = vaebench.build("vae", (1, 8, 8), latent=2, seed=5)
        assert torch.equal(torch.get_rng_state(), state)
        torch.manual_seed(4)
        assert_same_weights(first, vaebench.build("vae", (1, 8, 8), latent=2, seed=5))
    other = vaebench.build("vae", (1, 8, 8), latent=2, seed=6)
    assert not torch.equal(first.decoder.network[0].weight, other.decoder.network[0].weight)


def test_settings_reach_the_model() -> None:
    model = vaebench.build(
        "vae",
        (3, 8, 8),
        latent=4,
        network="conv",
        network_settings={"channels": [4, 6], "hidden": 10, "activation": "tanh"},
        likelihood="gaussian",
        likelihood_settings={"sigma": 0.25},
        convention="none",
    )
    assert [tuple(p.shape) for p in model.encoder.parameters() if p.dim() > 1] == [
        (4, 3, 4, 4),
        (6, 4, 4, 4),
        (10, 24),
        (8, 10),
    ]
    assert any(isinstance(layer, torch.nn.Tanh) for layer in model.modules())
    assert model.decoder.likelihood.sigma == 0.25


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"flavour": "vea"}, "settings: unknown flavour 'vea': did you mean"),
        ({"latent": 0}, "settings: latent: 0 is not an integer >= 1"),
        ({"latent": True}, "settings: latent: True is not an integer >= 1"),
        ({"seed": -1}, "seed: -1 is not an integer >= 0"),
        ({"seed": True}, "seed: True is not an integer >= 0"),
        ({"image": (8, 8)}, "image: (8, 8) is not (channels, height, width)"),
        ({"image": (1, 8, 0)}, "image: 0 is not an integer >= 1"),
        ({"scale": "grey"}, "scale: 'grey' is no choice: "),
        ({"scale": "real"}, "convention 'dynamic' is for values in [0, 1], these are real: set convention to none"),
        (
            {"scale": "real", "convention": "none"},
            "likelihood 'bernoulli' is no distribution of real values: take one of gaussian, gaussian_learned, gauss",
        ),
        (
            {"likelihood": "gaussian"},
            "settings: likelihood 'gaussian' is no distribution of the black and white pixels",
        ),
        ({"network": "mpl"}, "settings: unknown network 'mpl': did you mean mlp?"),
        ({"likelihood": "bernouli"}, "settings: unknown likelihood 'bernouli': did you mean bernoulli"),
        ({"convention": "dynamc"}, "settings: convention: 'dynamc' is no choice: did you mean dynamic?"),
        ({"hyperparameters": {"beta": 2}}, "settings: flavour 'vae' has no hyperparameter 'beta'"),
        ({"hyperparameters": ["beta"]}, "settings: hyperparameters: ['beta'] is not a mapping: write hyperparameters"),
        ({"epoch": 2}, "settings: unknown key 'epoch': did you mean epochs?"),
        ({"likelihod": "x"}, "settings: unknown key 'likelihod': did you mean likelihood or"),
        ({"epochs": 0}, "settings: epochs: 0 is not an integer >= 1"),
        ({"learning_rate": "1e-3"}, "settings: learning_rate: '1e-3' is not a number > 0, it is text: write 1.0e-3"),
        (
            {"flavour": "mean", "likelihood": "categorical"},
            "flavour 'mean' fits no 'categorical' likelihood: leave it out, or take one of one feature",
        ),
    ],
)
def test_bad_settings_are_one_line(arguments: dict, expected: str) -> None:
    with pytest.raises(VaebenchError) as caught:
        vaebench.build(**({"flavour": "vae", "image": (1, 8, 8), "latent": 2} | arguments))
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


# Training


@pytest.mark.parametrize("flavour", ["ae", "vae", "beta_vae"])
def test_training_lowers_the_objective(tmp_path: Path, digits: Data, images: Tensor, flavour: str) -> None:
    model = vaebench.train(flavour, digits, folder=tmp_path, **SETTINGS)
    fresh = vaebench.build(flavour, (1, 8, 8), latent=2, network_settings={"hidden": [32, 16]})

    def objective(which: VAE) -> float:
        with torch.no_grad(), random.stream(torch.tensor(random.key(0, "test"))):
            terms, _ = which.recipe.flavour.terms("model", which, images, which.recipe.objective.settings)
        return sum(term.mean().item() for term in terms.values())

    assert objective(model) < objective(fresh) - 3
    history = pd.read_csv(tmp_path / "seed0/history.csv")
    totals = history[history.term == "total"].pivot(index="epoch", columns="split", values="value")
    assert totals.loc[2, "train"] < totals.loc[1, "train"]
    assert totals.loc[2, "validation"] < totals.loc[1, "validation"]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_same_call_gives_the_same_bits(tmp_path: Path, few: Data, flavour: str) -> None:
    settings = {"network": "conv", "network_settings": {"channels": [4, 4], "hidden": 8}}
    calls = [vaebench.train(flavour, few, **(SETTINGS | settings), seed=3, folder=tmp_path / name) for name in "ab"]
    assert_same_weights(*calls)
    for name in ("best.safetensors", "last.safetensors", "history.csv", "run.json"):
        assert (tmp_path / "a/seed3" / name).read_bytes() == (tmp_path / "b/seed3" / name).read_bytes()


def test_other_seeds_give_other_weights(digits: Data, trained: VAE) -> None:
    other = vaebench.train("vae", digits, **SETTINGS, seed=1)
    assert not torch.equal(other.decoder.network[0].weight, trained.decoder.network[0].weight)


def test_a_finished_run_is_taken_up_from_its_folder(tmp_path: Path, digits: Data, trained: VAE) -> None:
    assert_same_weights(vaebench.train("vae", digits, folder=tmp_path, **SETTINGS), trained)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "seed0").iterdir()}
    assert_same_weights(vaebench.train("vae", digits, folder=tmp_path, **SETTINGS), trained)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "seed0").iterdir()} == times
    assert_same_weights(vaebench.load(tmp_path / "seed0"), trained)


# What a model does


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_encoding_draws_nothing_and_is_the_posterior_mean(flavour: str, images: Tensor) -> None:
    model = vaebench.build(flavour, (1, 8, 8), latent=2)
    with torch.no_grad(), random.stream(torch.tensor(1)) as stream:
        codes = model.encode(images)
        assert torch.equal(model.encode(images), codes)
        assert stream.draws == 0
        assert torch.equal(model(images).q.mean, codes)
        assert stream.draws == (flavour not in ("ae", "copy"))
        assert torch.equal(model.decode(codes), model.decoder(codes).mean)


def test_draws_average_to_the_posterior_mean(trained: VAE, images: Tensor) -> None:
    with torch.no_grad(), random.stream(torch.tensor(1)):
        draw = trained(images[:5], 20_000)
    assert draw.z.shape == (20_000, 5, 2)
    assert draw.log_px.shape == draw.log_w.shape == (20_000, 5)
    assert draw.kl.shape == (5,)
    assert ((draw.z.mean(0) - trained.encode(images[:5])).abs() < 4.5 * draw.q.stddev / 20_000**0.5).all()


@pytest.mark.parametrize("flavour", ["vae", "mean"])
def test_samples_depend_on_the_seed_alone(flavour: str) -> None:
    model = vaebench.build(flavour, (1, 8, 8), latent=2, seed=1)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first = model.sample(7, seed=4)
        torch.manual_seed(1)
        with random.stream(torch.tensor(8)) as stream:
            assert torch.equal(model.sample(7, seed=4), first)
            assert stream.draws == 0
        noise = random.Stream(torch.tensor(random.key(4, "sample"))).normal((7, 2), torch.float32)
        assert torch.equal(first, model.decode(noise))
        assert first.shape == (7, 1, 8, 8)
        assert torch.equal(model.sample(7, seed=5), first) == (flavour == "mean")


@pytest.mark.parametrize("flavour", ["ae", "copy"])
def test_without_a_prior_there_are_no_samples(flavour: str) -> None:
    with pytest.raises(VaebenchError, match="no prior to sample from: decode latents of your own"):
        vaebench.build(flavour, (1, 8, 8), latent=2).sample(1, seed=0)


# Files


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian_learned"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_saved_model_is_the_same_model(
    tmp_path: Path, images: Tensor, flavour: str, network: str, likelihood: str
) -> None:
    settings = {"network": network, "likelihood": likelihood, "convention": "none"}
    model = vaebench.build(flavour, (1, 8, 8), latent=3, seed=2, **settings)
    with torch.no_grad():
        for value in model.state_dict().values():
            value += 0.01
        vaebench.save(model, tmp_path / "deep/model.safetensors")
        again = vaebench.load(tmp_path / "deep/model.safetensors")
        assert_same_weights(model, again)
        with random.stream(torch.tensor(3)):
            first = model(images)
        with random.stream(torch.tensor(3)):
            second = again(images)
        assert torch.equal(first.z, second.z)
        assert torch.equal(first.px.mean, second.px.mean)
        if flavour != "copy":
            assert torch.equal(first.log_px, second.log_px)
        if model.prior is not None:
            assert torch.equal(model.sample(3, 0), again.sample(3, 0))
    assert again.recipe.image == (1, 8, 8)
    vaebench.save(again, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "deep/model.safetensors").read_bytes()


def test_a_model_without_a_recipe_is_not_saved(tmp_path: Path) -> None:
    image = (1, 8, 8)
    model = vae.build(Design(image, 2, mlp(image), bernoulli))
    with pytest.raises(VaebenchError, match="no recipe, which says what it takes: build it by name"):
        vaebench.save(model, tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_files_that_hold_no_model_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    vaebench.save(vaebench.build("vae", (1, 8, 8), latent=2, network_settings={"hidden": [4]}), path)
    whole = path.read_bytes()
    tensors = safetensors.torch.load_file(path)
    contents = {
        "empty": b"",
        "cut": whole[:-1],
        "other": safetensors.torch.save(tensors),
        "fields": safetensors.torch.save(tensors, {"vaebench": "{}"}),
        "garbled": safetensors.torch.save(tensors, {"vaebench": "{"}),
        "sizes": whole.replace(b'\\"latent\\": 2', b'\\"latent\\": 3'),
        "flavour": whole.replace(b'\\"name\\": \\"vae\\"', b'\\"name\\": \\"vea\\"'),
    }
    assert contents["sizes"] != whole != contents["flavour"]
    for content in contents.values():
        path.write_bytes(content)
        with pytest.raises(VaebenchError) as caught:
            vaebench.load(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
    for missing in (tmp_path / "absent", tmp_path):
        with pytest.raises(VaebenchError, match=r"No such file|there is no run\.json"):
            vaebench.load(missing)


# Datasets


def test_a_dataset_is_kept_in_its_folder(tmp_path: Path, digits: Data) -> None:
    first = vaebench.dataset("digits", tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["digits.safetensors"]
    time = (tmp_path / "data/digits.safetensors").stat().st_mtime_ns
    again = vaebench.dataset("digits", tmp_path / "data")
    assert (tmp_path / "data/digits.safetensors").stat().st_mtime_ns == time
    assert first.checksum == again.checksum == digits.checksum
    assert torch.equal(again.train.images, digits.train.images)


def test_a_dataset_of_ones_own(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (21, 4, 5), dtype=np.uint8)
    np.save(tmp_path / "mine.npy", array)
    data = vaebench.dataset("mine", path=str(tmp_path / "mine.npy"), limits={"test": 2})
    assert (data.name, len(data.train.images), len(data.test.images)) == ("mine", 15, 2)
    model = vaebench.train("vae", data, latent=1, epochs=1, network_settings={"hidden": [4]}, convention="none")
    assert model.recipe.image == (1, 4, 5)
    assert vaebench.evaluate(model, data, importance_samples=3)["nll"] > 0


def test_bad_datasets_are_one_line(tmp_path: Path) -> None:
    for name, fields, expected in (
        ("digit", {}, "dataset: unknown dataset 'digit' without a path: did you mean digits?"),
        (
            "digits",
            {"pth": "x"},
            "dataset 'digits': unknown key 'pth': did you mean path?",
        ),
        ("mine", {"path": str(tmp_path / "absent.npy")}, "dataset 'mine': path: "),
    ):
        with pytest.raises(VaebenchError) as caught:
            vaebench.dataset(name, tmp_path / "data", **fields)
        assert str(caught.value).startswith(expected)
    assert list(tmp_path.iterdir()) == []


def test_a_cell_is_complete() -> None:
    plan = config.cell("beta_vae", latent=3, data="mine", hyperparameters={"beta": 2}, epochs=4)
    assert plan.path == "mine/mlp/beta_vae/z3"
    assert plan.objective == config.Choice("beta_vae", {"beta": 2.0})
    assert plan.training.epochs == 4


def test_a_prepared_dataset_is_made_anew_when_its_settings_change(tmp_path: Path) -> None:
    assert len(vaebench.dataset("digits", tmp_path).test.images) == 256
    assert len(vaebench.dataset("digits", tmp_path, limits={"test": 5}).test.images) == 5
    made = (tmp_path / "digits.safetensors").stat().st_mtime_ns
    assert len(vaebench.dataset("digits", tmp_path, limits={"test": 5}).test.images) == 5
    assert (tmp_path / "digits.safetensors").stat().st_mtime_ns == made
