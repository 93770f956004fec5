"""What everybody knows of the flavours comes out of the whole suite, on real digits."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import vaebench
from vaebench import random
from vaebench.data.dataset import Data
from vaebench.errors import Missing
from vaebench.evaluation import judge, reference
from vaebench.evaluation.bench import Bench
from vaebench.evaluation.views import Views
from vaebench.study import catalogue, config
from vaebench.study.config import Choice, Evaluation

pytestmark = pytest.mark.slow
SETTINGS = {"latent": 8, "network_settings": {"hidden": [128]}}
SAMPLERS = {name: Choice.of("samplers", name) for name in ("prior", "gaussian_mixture")}
FLAVOURS = {"ae": {}, "vae": {}, "iwae": {"samples": 20}, "copy": {}, "mean": {}}


@pytest.fixture(scope="module")
def data() -> Data:
    return vaebench.dataset("digits")


@pytest.fixture(scope="module")
def views(data: Data) -> dict[str, Views]:
    judged = judge.train(data, epochs=4, seed=0)
    found = {}
    for name, hyper in FLAVOURS.items():
        training = {"epochs": 60, "learning_rate": 0.003, "schedule": "cosine", "batch_size": 64}
        model = vaebench.train(name, data, hyperparameters=hyper, **training, **SETTINGS)
        cell = config.cell(name, **SETTINGS)
        bench = Bench(cell, data, Evaluation(200, 256), None, torch.device("cpu"), SAMPLERS, [judged])
        found[name] = Views(bench, model, 0)
    return found


def grey(views: Views) -> Views:
    """The same model before grey images, which `copy` sees whole."""
    cell = config.cell(views.bench.cell.flavour, convention="none", **SETTINGS)
    return Views(dataclasses.replace(views.bench, cell=cell), views.model, 0)


def value(views: Views, metric: str, sampler: str = "") -> float:
    """Raises `Missing` where it has none."""
    view = "samples" if sampler else "model"
    [row] = catalogue.load("metrics", metric).rows(views.of(view, sampler))
    assert row.value is not None, row.reason
    return row.value


def test_training_images_are_near_the_test_images_and_noise_is_far(views: dict[str, Views], data: Data) -> None:
    bench = views["vae"].bench
    assert bench.judge is not None
    card = reference.card(bench.judge, data)
    assert abs(card["floor"]["frechet_distance"]) < 0.1 * card["noise"]["frechet_distance"]
    assert card["floor"]["coverage"] > 80 > 20 > card["noise"]["coverage"]
    for sampler in SAMPLERS:
        distance = value(views["vae"], "frechet_distance", sampler)
        assert card["floor"]["frechet_distance"] < distance < card["noise"]["frechet_distance"]


def test_a_mixture_of_gaussians_makes_a_generator_of_an_autoencoder(views: dict[str, Views]) -> None:
    ae = views["ae"]
    with random.stream(torch.tensor(3)):
        normal = ae.model.decode(random.normal((256, 8), ae.model.like)).clamp(0, 1)
    [plain] = catalogue.load("metrics", "frechet_distance").rows(ae.bench.real.of(normal))
    assert plain.value is not None
    mixture = value(ae, "frechet_distance", "gaussian_mixture")
    assert mixture < 0.3 * plain.value
    assert mixture < value(views["vae"], "frechet_distance", "prior")
    with pytest.raises(Missing, match="it has no prior"):
        ae.of("samples", "prior")


def test_more_samples_of_the_bound_give_no_worse_a_likelihood(views: dict[str, Views]) -> None:
    rows = {name: next(catalogue.load("metrics", "nll").rows(views[name].subject)) for name in ("vae", "iwae", "mean")}
    assert rows["iwae"].value < rows["vae"].value < rows["mean"].value


def test_the_copy_reconstructs_best_and_generates_nothing(views: dict[str, Views]) -> None:
    assert value(grey(views["copy"]), "mse") == 0
    assert value(grey(views["copy"]), "judge_agreement") == 100
    for sampler in SAMPLERS:
        with pytest.raises(Missing, match="does not apply"):
            views["copy"].of("samples", sampler)


@pytest.mark.parametrize(
    "name",
    ["mse", "ssim", "ms_ssim", "bce", "judge_agreement", "elbo", "nll", "active_units", "collapsed_units"],
)
def test_the_controls_that_a_metric_names_frame_the_flavours(views: dict[str, Views], name: str) -> None:
    declared, found = catalogue.declared("metrics", name), {}
    for flavour in FLAVOURS:
        [row] = catalogue.load("metrics", name).rows(grey(views[flavour]).subject)
        if row.value is not None:
            found[flavour] = -row.value if declared["better"] == "lower" else row.value
    assert len(found) > 2
    assert min(found, key=found.__getitem__) == declared["worst"]
    assert max(found, key=found.__getitem__) == declared.get("best", max(found, key=found.__getitem__))
