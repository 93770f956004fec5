"""How well other data are told from a model's own, by scores that are known and by those of models of digits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import auc, average_precision_score, roc_curve
from torch import Tensor

import vaebench
from vaebench.data.dataset import Data, Split
from vaebench.evaluation.bench import subject
from vaebench.evaluation.foreign import Foreign
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Evaluation

METRICS = ["aupr", "auroc", "fpr_95"]  # of every score
SCORES = ("elbo", "nll", "rate", "distortion")
SAMPLES, IMAGES = 20, 40
Rows = dict[str, tuple[float | None, str]]


def of_scores(inside: object, outside: object) -> Foreign:
    """By a rate of these values for own and for other images; no other score is known."""
    sides = [
        SimpleNamespace(kl=torch.tensor(scores), has=lambda need: need != "likelihood", lacks=lambda need: "")
        for scores in (inside, outside)
    ]
    return Foreign(*sides)


def rows(foreign: Foreign, names: list[str] = METRICS) -> Rows:
    return {
        row.name: (row.value, row.reason) for name in names for row in catalogue.load("metrics", name).rows(foreign)
    }


def values(inside: object, outside: object) -> dict[str, float]:
    return {name.removesuffix("_rate"): value for name, (value, _) in rows(of_scores(inside, outside)).items()}


# Values


def test_scores_by_hand() -> None:
    """Of 3 x 2 pairs four are in order and one is equal; the first foreign image comes second, the other fourth."""
    found = values([1.0, 4.0, 2.0], [2.0, 3.0])
    assert found["auroc"] == pytest.approx(100 * 3.5 / 6)
    # At 3 a half of the foreign and a third of the own ones are told, at 2 all and two thirds: precisions of 3/5 both.
    assert found["aupr"] == pytest.approx(60)
    # All foreign ones reach 2, and so do two of three.
    assert found["fpr_95"] == pytest.approx(200 / 3)


def test_scores_far_apart() -> None:
    assert values([1.0, 2.0, 3.0], [5.0, 4.0]) == {"auroc": 100, "aupr": 100, "fpr_95": 0}
    wrong = values([4.0, 5.0, 6.0], [1.0, 2.0])
    assert (wrong["auroc"], wrong["fpr_95"]) == (0, 100)
    assert wrong["aupr"] == pytest.approx(100 * (1 / 2 * 1 / 3 + 1 / 2 * 1 / 2))


@pytest.mark.parametrize("count", [19, 20, 100, 256])
def test_the_same_scores(count: int) -> None:
    """Foreign images of which 95 % have to be told are told as often as own ones."""
    scores = np.random.Generator(np.random.PCG64(0)).normal(size=count)
    found = values(scores, scores)
    assert found["auroc"] == pytest.approx(50)
    assert found["aupr"] == pytest.approx(50, abs=3)
    assert found["fpr_95"] == pytest.approx(100 * math.ceil(0.95 * count) / count)
    flat = values(np.zeros(count), np.zeros(count))
    assert flat == {"auroc": 50, "aupr": 50, "fpr_95": 100}


@pytest.mark.parametrize(("own", "other"), [(70, 40), (33, 119), (200, 1)])
def test_scores_agree_with_curves(own: int, other: int) -> None:
    draws = np.random.Generator(np.random.PCG64(own))
    inside, outside = draws.normal(size=own).round(1), (1 + draws.normal(size=other)).round(1)
    truth, scores = np.repeat([0, 1], [own, other]), np.concatenate((inside, outside))
    found = values(inside, outside)
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert found["auroc"] == pytest.approx(100 * auc(false, true))
    assert found["fpr_95"] == pytest.approx(100 * false[true >= 0.95 - 1e-12].min())
    assert found["auroc"] == pytest.approx(
        100 * np.mean((outside[:, None] > inside) + 0.5 * (outside[:, None] == inside))
    )
    assert found["aupr"] == pytest.approx(100 * np.sum(np.diff(true) * (true / (true + false).clip(1e-9))[1:]))


@pytest.mark.parametrize(("own", "other"), [(1, 9), (9, 1), (1, 1)])
def test_chance_is_a_half_whatever_the_numbers_of_images(own: int, other: int) -> None:
    """As of equal numbers, which repeating the images of either side gives."""
    draws = np.random.Generator(np.random.PCG64(3)).normal(size=(2, 2000))
    inside, outside = draws[0, : 200 * own], draws[1, : 200 * other]
    found = values(inside, outside)["aupr"]
    assert found == pytest.approx(50, abs=3)
    scores = np.concatenate((np.tile(inside, other), np.tile(outside, own)))
    truth = np.repeat([0, 1], len(scores) // 2)
    assert found == pytest.approx(100 * average_precision_score(truth, scores))


def test_two_gaussians() -> None:
    """A unit of two deviations apart: pairs are in order with the probability of one normal deviate below sqrt 2."""
    draws = np.random.Generator(np.random.PCG64(1)).normal(size=(2, 4000))
    found = values(draws[0], draws[1] + 2)
    normal = torch.distributions.Normal(0, 1)
    assert found["auroc"] == pytest.approx(100 * normal.cdf(torch.tensor(math.sqrt(2))).item(), abs=1)
    quantile = normal.icdf(torch.tensor(0.05)) + 2
    assert found["fpr_95"] == pytest.approx(100 * (1 - normal.cdf(quantile).item()), abs=3)


@pytest.mark.parametrize("name", METRICS)
def test_controls_score_best_and_worst(name: str) -> None:
    draws = np.random.Generator(np.random.PCG64(2)).normal(size=(2, 60))
    found = {
        "separated scores": values(draws[0], draws[1] + 20)[name],
        "scores that overlap": values(draws[0], draws[1] + 1)[name],
        "the same images": values(draws[0], draws[0])[name],
    }
    declared = catalogue.declared("metrics", name)
    ends = declared["best"], declared["worst"].partition(",")[0]
    order = sorted(found, key=found.__getitem__, reverse=declared["better"] == "higher")
    assert (order[0], order[-1]) == ends


# Models of digits


@pytest.fixture(scope="module")
def digits() -> Data:
    return vaebench.dataset("digits", limits={"test": 120})


@pytest.fixture(scope="module")
def models(digits: Data) -> Mapping[str, VAE]:
    settings = {"latent": 2, "epochs": 4, "batch_size": 64, "network_settings": {"hidden": [32]}}
    return {name: vaebench.train(name, digits, **settings) for name in ("vae", "ae")}


def with_test(digits: Data, images: Tensor) -> Data:
    return dataclasses.replace(digits, test=Split(images, digits.test.labels))


def foreign(model: VAE, digits: Data, images: Tensor) -> Foreign:
    """A model before digits, and before other images."""
    sides = (
        subject(model, data, "none", Evaluation(SAMPLES, IMAGES), torch.device("cpu"), 0)
        for data in (digits, with_test(digits, images))
    )
    return Foreign(*sides)


def test_inverted_digits_are_told_by_all_that_says_how_likely_they_are(models: Mapping[str, VAE], digits: Data) -> None:
    found = rows(foreign(models["vae"], digits, 255 - digits.test.images))
    assert set(found) == {f"{name}_{score}" for name in METRICS for score in SCORES}
    assert not any(reason for _, reason in found.values())
    for score in ("elbo", "nll", "distortion"):
        assert found[f"auroc_{score}"][0] > 99 and found[f"aupr_{score}"][0] > 99 and found[f"fpr_95_{score}"][0] < 1


def test_the_same_digits_are_told_by_nothing(models: Mapping[str, VAE], digits: Data) -> None:
    found = rows(foreign(models["vae"], digits, digits.test.images))
    for score in SCORES:
        assert found[f"auroc_{score}"][0] == pytest.approx(50)
        assert found[f"fpr_95_{score}"][0] == pytest.approx(95, abs=2.5)


def test_scores_are_those_of_images(models: Mapping[str, VAE], digits: Data) -> None:
    """In nats, from the passes of either subject; the likelihood is that of as many images as have weights."""
    found = foreign(models["vae"], digits, 255 - digits.test.images)
    for place, side in enumerate((found.inside, found.outside)):
        scores = {name: pair[place] for name, pair in found.scores.items()}
        torch.testing.assert_close(scores["elbo"], (side.kl - side.log_px).double())
        torch.testing.assert_close(scores["rate"] + scores["distortion"], scores["elbo"], rtol=1e-5, atol=1e-4)
        assert scores["nll"].shape == (IMAGES,)
        # More than one latent is a tighter bound: by Jensen, of the mean.
        assert scores["nll"].mean() < -side.log_w.mean()
        weights = side.log_w.double().numpy()
        expected = -np.log(np.exp(weights - weights.max(0)).mean(0)) - weights.max(0)
        np.testing.assert_allclose(scores["nll"], expected)
    inside, outside = (scores.numpy() for scores in found.scores["elbo"])
    pairs = outside[:, None] > inside
    assert rows(found)["auroc_elbo"][0] == pytest.approx(100 * pairs.mean())


def test_an_autoencoder_has_a_distortion_alone(models: Mapping[str, VAE], digits: Data) -> None:
    found = rows(foreign(models["ae"], digits, 255 - digits.test.images))
    assert set(found) == {f"{name}_distortion" for name in METRICS}
    assert found["auroc_distortion"][0] > 99


def test_models_without_any_density(digits: Data) -> None:
    model = vaebench.build("copy", digits.shape, latent=2).eval()
    found = rows(foreign(model, digits, 255 - digits.test.images))
    reason = "it has no density of images or of latents to tell them by"
    assert found == dict.fromkeys(METRICS, (None, reason))


def test_scores_that_are_not_finite_have_no_value(models: Mapping[str, VAE], digits: Data) -> None:
    """Others have."""
    found = foreign(models["vae"], digits, 255 - digits.test.images)
    found.scores["rate"][1][3:5] = torch.nan
    told = rows(found)
    for name in METRICS:
        assert told[f"{name}_rate"] == (None, "it is not finite for 2 of 240 images")
        assert told[f"{name}_elbo"][1] == ""
