"""A saved model knows what it takes, and is given nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from faults import fault
from torch import Tensor

import vaebench
from vaebench import random
from vaebench.data.binarisation import fixed, scaled
from vaebench.data.dataset import Data, Split
from vaebench.data.sources import Dataset
from vaebench.evaluation.measure import measure
from vaebench.files import packed, tag
from vaebench.flavours.gaussian.vae import vae
from vaebench.model.likelihoods.bernoulli import bernoulli
from vaebench.model.networks.mlp import mlp
from vaebench.model.parts.design import Design
from vaebench.model.vae import VAE
from vaebench.study import catalogue, config
from vaebench.study.config import Evaluation
from vaebench.training import hardware, runs

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"latent": 2, "epochs": 2, "batch_size": 64, "network_settings": {"hidden": [16]}}
FEW = {"importance_samples": 10, "importance_images": 20}
STABILITY = catalogue.names("metrics", "stability")  # of several runs


@pytest.fixture(scope="module")
def digits() -> Data:
    return vaebench.dataset("digits", limits={"train": 300, "test": 50})


@pytest.fixture(scope="module")
def grey(digits: Data) -> VAE:
    return vaebench.train("vae", digits, convention="none", likelihood="gaussian", seed=3, **SMALL)


@pytest.fixture(scope="module")
def table() -> Data:
    """Three features far outside [0, 1]."""
    values = 100 * random.Stream(torch.tensor(1)).normal((90, 3, 1, 1), torch.float32)
    labels = torch.zeros(90, dtype=torch.int64)
    splits = [Split(values[start : start + 30], labels[start : start + 30]) for start in (0, 30, 60)]
    return Data("table", "a checksum", Dataset(), *splits, scale="real")


def build(flavour: str = "vae", image: tuple[int, int, int] = (1, 8, 8), latent: int = 2, **settings: Any) -> VAE:
    return vaebench.build(flavour, image, latent=latent, **settings).eval()


# What is kept


def test_a_run_keeps_its_contract_in_its_weights(tmp_path: Path, digits: Data) -> None:
    plan = config.cell("vae", convention="static", likelihood="categorical", likelihood_settings={"levels": 2}, **SMALL)
    for folder in runs.train(plan, [0, 7], digits, tmp_path, device=CPU):
        made = vaebench.load(folder).recipe
        assert (made.convention, made.scale, made.image, made.latent) == ("static", "unit", (1, 8, 8), 2)
        assert (made.data, f"seed{made.seed}") == (digits.checksum, folder.name)
        assert made.likelihood == config.Choice("categorical", {"levels": 2})
        last = tag(folder / "last.safetensors")
        assert last == tag(folder / "best.safetensors") and last["convention"] == "static"


def test_a_built_model_says_that_it_has_seen_no_data() -> None:
    made = build(image=(4, 1, 1), scale="real", convention="none", likelihood="gaussian", seed=5).recipe
    assert (made.data, made.seed, made.scale, made.convention, made.image) == ("", 5, "real", "none", (4, 1, 1))


def test_weights_without_a_contract_are_to_be_trained_again(tmp_path: Path) -> None:
    """As files of earlier versions are."""
    path = tmp_path / "model.safetensors"
    vaebench.save(build(), path)
    old = {name: value for name, value in tag(path).items() if name not in ("convention", "scale", "data", "seed")}
    path.write_bytes(packed(safetensors.torch.load_file(path), old))
    message = fault(vaebench.load, path)
    assert message.startswith(f"{path}: cannot be read as a model (Object missing required field `convention`")
    assert message.endswith("): save or train it again")


# Evaluating


def test_a_model_is_scored_by_its_own_convention_alone(digits: Data, grey: VAE) -> None:
    own = vaebench.evaluate(grey, digits, **FEW)
    assert vaebench.evaluate(grey, digits, convention="none", **FEW) == own
    seen = scaled(digits.test.images)
    with torch.no_grad():
        assert own["mse"] == pytest.approx(float(((grey.decode(grey.encode(seen)).clamp(0, 1) - seen) ** 2).mean()))
    for convention in ("dynamic", "non", "Dynamic", ""):
        message = fault(vaebench.evaluate, grey, digits, convention=convention)
        assert message == f"convention '{convention}': the model is one of 'none': leave it out"


@pytest.mark.parametrize("settings", [{}, {"convention": "none", "likelihood": "gaussian_learned"}])
@pytest.mark.parametrize("flavour", ["vae", "ae", "vq_vae"])
def test_the_numbers_are_those_of_the_table(tmp_path: Path, digits: Data, flavour: str, settings: dict) -> None:
    hardware.prepare()
    plan = config.cell(flavour, **SMALL, **settings)
    folders = runs.train(plan, [0, 4], digits, tmp_path, device=CPU)
    rows = measure(plan, folders, digits, Evaluation(10, 20), None, CPU).metrics
    for seed, folder in zip((0, 4), folders, strict=True):
        found = vaebench.evaluate(vaebench.load(folder), digits, **FEW)
        of_seed = {row["metric"]: row["value"] for row in rows if row["seed"] == seed}
        assert found == {name: value for name, value in of_seed.items() if name not in STABILITY}
        assert found["mse"] > 0 and len(found) > 10


def test_another_seed_draws_other_noise(digits: Data, grey: VAE) -> None:
    own = vaebench.evaluate(grey, digits, **FEW)
    assert vaebench.evaluate(grey, digits, seed=3, **FEW) == own
    other = vaebench.evaluate(grey, digits, seed=4, **FEW)
    assert other["elbo"] != own["elbo"] and other["mse"] == own["mse"]


def test_evaluation_rests_the_model_and_leaves_it_as_it_was(digits: Data, grey: VAE) -> None:
    own = vaebench.evaluate(grey, digits, **FEW)
    grey.train()
    assert vaebench.evaluate(grey, digits, **FEW) == own and grey.training
    vaebench.encode(grey, digits.test.images)
    assert grey.training
    grey.eval()


@pytest.mark.parametrize("name", ["importance_samples", "importance_images"])
@pytest.mark.parametrize("count", [0, -1, True, 2.0, "10", None])
def test_counts_are_integers_from_1(digits: Data, grey: VAE, name: str, count: Any) -> None:
    message = fault(vaebench.evaluate, grey, digits, **{name: count})
    assert message.startswith(f"evaluate: {name}: {count!r} is not an integer >= 1")


def test_data_of_another_shape_or_scale_are_refused_and_others_of_the_same_are_not(digits: Data, table: Data) -> None:
    message = fault(vaebench.evaluate, build(image=(1, 28, 28)), digits)
    assert message.startswith("dataset 'digits' holds images (1, 8, 8) of scale 'unit', the model takes (1, 28, 28)")
    settings = {"convention": "none", "likelihood": "gaussian"}
    message = fault(vaebench.evaluate, build(image=(3, 1, 1), **settings), table)
    assert message.endswith("of scale 'real', the model takes (3, 1, 1) of scale 'unit'")
    assert vaebench.evaluate(build(), digits, **FEW)["elbo"] < 0
    for wrong in (digits.test.images, None, "digits"):
        assert fault(vaebench.evaluate, build(), wrong).endswith("make one with vaebench.dataset(name, images=...)")
        assert fault(vaebench.train, "vae", wrong, latent=2).endswith("vaebench.dataset(name, images=...)")


def test_what_is_no_model_by_name_is_refused(digits: Data) -> None:
    bare = vae.build(Design((1, 8, 8), 2, mlp((1, 8, 8)), bernoulli))
    for action in (vaebench.evaluate, vaebench.encode, vaebench.decode, vaebench.save):
        assert fault(action, bare, digits).endswith("build it by name with vaebench.build")
        assert fault(action, digits, digits).startswith("Data is no model: give what vaebench.train, build")


# Encoding and decoding


def test_arrays_and_tensors_of_every_kind_encode_to_the_same(digits: Data, grey: VAE) -> None:
    bytes_ = digits.test.images
    with torch.no_grad():
        expected = grey.encode(scaled(bytes_))
    assert expected.shape == (50, 2)
    halves = (bytes_ / 255).double()
    for images in (bytes_, bytes_.numpy(), halves, halves.numpy(), halves.float().numpy()[::-1][::-1]):
        assert torch.equal(vaebench.encode(grey, images), expected)
    black = bytes_ > 127
    for images in (black, black.numpy(), black.float(), black.to(torch.uint8) * 255, black.numpy().astype(np.float16)):
        assert torch.equal(vaebench.encode(grey, images), grey.encode(black.float()))


def test_codes_do_not_depend_on_what_is_beside_them(digits: Data) -> None:
    for convention in ("none", "threshold", "static", "dynamic"):
        model, images = build(convention=convention), digits.test.images
        whole = vaebench.encode(model, images)
        torch.testing.assert_close(vaebench.encode(model, images[7:9]), whole[7:9], rtol=1e-5, atol=1e-6)
        many = torch.cat([images] * 25)  # more than a batch
        torch.testing.assert_close(vaebench.encode(model, many), whole.repeat(25, 1), rtol=1e-5, atol=1e-6)


def test_a_model_encodes_what_its_convention_shows(digits: Data) -> None:
    images = digits.test.images
    for convention, seen in (("none", images), ("dynamic", images), ("threshold", fixed(images, "threshold", "test"))):
        model = build(convention=convention)
        assert torch.equal(vaebench.encode(model, images), model.encode(scaled(seen)))
        drawn = fixed(images, "dynamic", "test")
        assert torch.equal(vaebench.encode(model, drawn), model.encode(scaled(drawn)))


@pytest.mark.parametrize("flavour", ["vae", "svae", "copy", "mean", "vq_vae", "two_layer_vae"])
def test_latents_decode_in_any_shape(flavour: str) -> None:
    model = build(flavour)
    images = random.Stream(torch.tensor(2)).uniform((6, 1, 8, 8), torch.float32)
    codes = vaebench.encode(model, images)
    assert codes.shape == (6, {"svae": 3, "copy": 64}.get(flavour, 2))
    whole = vaebench.decode(model, codes)
    assert torch.equal(whole, model.decode(codes)) and whole.shape == (6, 1, 8, 8)
    assert torch.equal(vaebench.decode(model, codes.double().numpy().reshape(2, 3, -1)), whole.reshape(2, 3, 1, 8, 8))
    assert torch.allclose(vaebench.decode(model, codes[0]), whole[0], atol=1e-6)
    if flavour == "copy":
        assert torch.equal(whole, images)


def test_a_table_is_encoded_as_it_is(table: Data) -> None:
    settings: dict[str, Any] = {"convention": "none", "likelihood": "gaussian_learned"}
    model = vaebench.train("vae", table, **SMALL | settings)
    values = table.test.images
    codes = vaebench.encode(model, values)
    assert torch.equal(vaebench.encode(model, values[:, :, 0, 0].double().numpy()), codes)
    assert vaebench.decode(model, codes).shape == values.shape
    assert model.recipe.scale == "real" and vaebench.evaluate(model, table, **FEW)["nll"] > 0
    assert fault(vaebench.encode, model, values.to(torch.uint8)).endswith(": give floats")
    for more, expected in (
        (
            {"likelihood": "bernoulli"},
            "likelihood 'bernoulli' is no distribution of real values: take one of gaussian,",
        ),
        (
            {"convention": "dynamic", "likelihood": "bernoulli"},
            "convention 'dynamic' is for values in [0, 1], these are",
        ),
        ({"network": "conv", "network_settings": {}}, "network 'conv': data of 3 features are no images: take mlp"),
    ):
        assert fault(vaebench.train, "vae", table, **SMALL | settings | more).startswith(expected)
    for flavour in ("vamp", "msssim_vae", "sigma_vae"):
        message = fault(vaebench.train, flavour, table, **SMALL | settings)
        assert message.startswith(f"flavour '{flavour}'") and message.endswith(": leave it out")


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.zeros((8, 8), np.uint8), "images: (8, 8) is not (images, 1, 8, 8)"),
        (np.zeros((3, 8, 8), np.uint8), "images: (3, 8, 8) is not (images, 1, 8, 8)"),
        (np.zeros((3, 1, 8, 7)), "images: (3, 1, 8, 7) is not (images, 1, 8, 8)"),
        (np.zeros((0, 1, 8, 8)), "images: torch.float64 of shape (0, 1, 8, 8): give bytes, or floats in [0, 1]"),
        (
            np.zeros((3, 1, 8, 8), np.int64),
            "images: torch.int64 of shape (3, 1, 8, 8): give bytes, or floats in [0, 1]",
        ),
        (np.ones((3, 1, 8, 8), np.uint8), "images: bytes of 0 and 1, where 255 is white: give bool, or floats"),
        (np.full((3, 1, 8, 8), 255.0), "images: floats from 255 to 255: scale them to [0, 1]"),
        (np.full((3, 1, 8, 8), -0.5), "images: floats from -0.5 to -0.5: scale them to [0, 1]"),
        (np.full((3, 1, 8, 8), np.nan), "images: not all are finite (NaN or infinite): leave those out"),
        (np.full((3, 1, 8, 8), np.inf), "images: not all are finite (NaN or infinite): leave those out"),
        (np.full((3, 1, 8, 8), "x"), "images: ndarray is no array of numbers ("),
        ([[1.0], [1.0, 2.0]], "images: list is no array of numbers ("),
        (None, "images: NoneType is no array of numbers ("),
        ("images", "images: str is no array of numbers ("),
    ],
)
def test_images_that_are_none_are_one_line(images: Any, expected: str) -> None:
    assert fault(vaebench.encode, build(), images).startswith(expected)


@pytest.mark.parametrize(
    ("latents", "expected"),
    [
        (np.zeros((4, 3)), "latents: (4, 3) is not (..., 2)"),
        (np.zeros((2, 4)), "latents: (2, 4) is not (..., 2)"),
        (np.zeros((4, 2), np.int64), "latents: torch.int64 of shape (4, 2): give floats"),
        (np.full((4, 2), np.nan), "latents: not all are finite"),
        (1.0, "latents: () is not (..., 2)"),
    ],
)
def test_latents_that_are_none_are_one_line(latents: Any, expected: str) -> None:
    assert fault(vaebench.decode, build(), latents).startswith(expected)


# The model's own methods


def test_a_models_own_methods_refuse_in_one_line_what_torch_would_in_many() -> None:
    model = build()
    image, code = torch.zeros(1, 1, 8, 8), torch.zeros(1, 2)
    for action, wrong, expected in (
        (
            model.encode,
            image.numpy(),
            "images: ndarray is not a tensor: give them to vaebench.encode, which takes arrays",
        ),
        (
            model.decode,
            code.numpy(),
            "latents: ndarray is not a tensor: give them to vaebench.decode, which takes arrays",
        ),
        (
            model.encode,
            image.to(torch.uint8),
            "images: torch.uint8 on cpu, the model is torch.float32 on cpu: give them",
        ),
        (model.encode, image.double(), "images: torch.float64 on cpu, the model is torch.float32 on cpu: give them to"),
        (model.decode, code.long(), "latents: torch.int64 on cpu, the model is torch.float32 on cpu: give them to"),
        (model.decode, code.to("meta"), "latents: torch.float32 on meta, the model is torch.float32 on cpu: give them"),
        (model.encode, image[..., :7], "images: (1, 1, 8, 7) is not (..., 1, 8, 8)"),
        (model.encode, image[0, 0], "images: (8, 8) is not (..., 1, 8, 8)"),
        (model.decode, torch.zeros(5, 3), "latents: (5, 3) is not (..., 2)"),
        (model.decode, torch.tensor(1.0), "latents: () is not (..., 2)"),
        (lambda count: model.sample(count, 0), 0, "sample: count: 0 is not an integer >= 1"),
        (lambda count: model.sample(count, 0), -3, "sample: count: -3 is not an integer >= 1"),
        (lambda count: model.sample(count, 0), 2.0, "sample: count: 2.0 is not an integer >= 1"),
        (lambda seed: model.sample(2, seed), True, "sample: seed: True is not an integer >= 0"),
    ):
        assert fault(action, wrong).startswith(expected)


@pytest.fixture
def double(float64: None) -> Iterator[VAE]:
    yield build()


def test_a_model_of_another_type_takes_its_own(double: VAE) -> None:
    code = torch.zeros(3, 2, dtype=torch.float64)
    assert double.decode(code).dtype == torch.float64
    assert "the model is torch.float64" in fault(double.decode, code.float())
    assert torch.equal(vaebench.decode(double, code.float()), double.decode(code))


@pytest.mark.parametrize("flavour", catalogue.names("flavours"))
def test_the_checks_of_a_model_pass_through_transformations(flavour: str) -> None:
    """Losses and the geometry decode under `torch.func`."""
    model = build(flavour, network_settings={"hidden": [4]})
    codes = vaebench.encode(model, torch.full((2, 1, 8, 8), 0.5))

    def brightness(code: Tensor) -> Tensor:
        return model.decode(code).sum()

    slopes = torch.func.vmap(torch.func.grad(brightness))(codes)
    assert slopes.shape == codes.shape
    assert torch.allclose(slopes[0], torch.func.grad(brightness)(codes[0]), atol=1e-5)


# Machines


@pytest.mark.parametrize("device", ["gpu", "cuda:0", "", None])
def test_an_unknown_device_is_one_line(digits: Data, device: Any) -> None:
    message = fault(vaebench.train, "vae", digits, device=device, **SMALL)
    assert message.startswith(f"unknown device '{device}': ")


# Runs that diverged

WILD: dict[str, Any] = {"likelihood": "gaussian", "likelihood_settings": {"sigma": 1e-18}, "convention": "none"}


def test_a_run_that_diverges_gives_no_model(tmp_path: Path, digits: Data) -> None:
    expected = (
        "vae, seed 2: the run diverged in epoch 1: lower the learning_rate, or take a likelihood of a larger scale"
    )
    for folder in (None, tmp_path):
        assert fault(vaebench.train, "vae", digits, seed=2, folder=folder, **SMALL | WILD) == expected
    assert sorted(path.name for path in (tmp_path / "seed2").iterdir())[-1] == "run.json"
    assert fault(vaebench.load, tmp_path / "seed2") == expected
    assert vaebench.load(tmp_path / "seed2/last.safetensors").recipe.seed == 2  # to look at what went wrong
