"""Metrics of reconstructions, latents and augmentation, of models whose decoder or posterior is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from faults import fault
from linear_gaussian import PIXELS, linear
from scipy.signal import convolve2d
from scipy.special import xlog1py, xlogy
from torch import Tensor, nn

import vaebench
from vaebench.data.binarisation import scaled
from vaebench.data.dataset import Data, Split
from vaebench.errors import Missing
from vaebench.evaluation.augmentation import Augmentation, Few
from vaebench.evaluation.judge import Judge
from vaebench.evaluation.subject import Subject
from vaebench.model.abilities import REASONS
from vaebench.model.distributions.delta import Delta
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.vae import VAE
from vaebench.study import catalogue

Array = np.ndarray


class Part(nn.Module):
    """A function as a part of a model, of a model's type."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("like", torch.zeros(()))

    def forward(self, value: Any) -> Any:
        return self.function(value)


def before(model: VAE, grey: Tensor, observed: Tensor, **more: Any) -> Subject:
    return Subject(model, grey, observed, 0, importance_samples=1, importance_images=1, **more)


def of_images(made: Array | Tensor, grey: Array | Tensor, **more: Any) -> Subject:
    """Reconstructions of grey images (images, channels, height, width) are these."""
    observed, grey = (torch.as_tensor(images, dtype=torch.float32) for images in (made, grey))
    shape = observed.shape[1:]
    decoder = Part(lambda z: Delta(z.unflatten(-1, shape), event_dims=3))
    model = VAE(encoder=Part(lambda x: Delta(x.flatten(1))), prior=None, decoder=decoder, posterior=None)
    return before(model, grey, observed, **more)


def row(name: str, subject: Any) -> tuple[float | None, str]:
    (found,) = catalogue.load("metrics", name).rows(subject)
    return found.value, found.reason


@pytest.fixture
def draws() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(0))


# Binary cross-entropy


def test_bce_of_grey_images(draws: np.random.Generator) -> None:
    made, grey = draws.uniform(size=(2, 30, 1, 5, 4))
    each = -(xlogy(grey, made) + xlog1py(1 - grey, -made)).sum((1, 2, 3))
    estimate = catalogue.load("metrics", "bce").measure(of_images(made, grey))
    np.testing.assert_allclose(estimate, each, rtol=1e-5)
    assert row("bce", of_images(made, grey)) == (pytest.approx(each.mean(), rel=1e-6), "")


def test_bce_is_least_for_a_copy_which_costs_the_entropy_of_its_pixels(draws: np.random.Generator) -> None:
    grey = draws.uniform(size=(20, 1, 4, 4))
    copy = row("bce", of_images(grey, grey))[0]
    entropy = -(grey * np.log(grey) + (1 - grey) * np.log1p(-grey)).sum((1, 2, 3)).mean()
    assert copy == pytest.approx(entropy, rel=1e-5)
    for other in (0.9 * grey, np.sqrt(grey), 0 * grey + grey.mean(0)):
        assert row("bce", of_images(other, grey))[0] > copy


def test_bce_of_certain_pixels_is_finite() -> None:
    """One of four is wrong, by a millionth of probability."""
    grey, made = torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    grey[:, 0, 0, 0] = 1
    assert row("bce", of_images(made, grey))[0] == pytest.approx(6 * math.log(10) + 3e-6, rel=1e-6)
    assert row("bce", of_images(grey, grey))[0] == pytest.approx(4e-6, rel=1e-3)


# Multi-scale structural similarity

EXPONENTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def similarity(a: Array, b: Array, scales: int) -> float:
    """Of two images (height, width), by convolution at each scale."""
    total = 1.0
    for scale in range(scales):
        side = min(11, *a.shape)
        side -= side % 2 == 0
        bell = np.exp(-(((np.arange(side) - side // 2) / 1.5) ** 2) / 2)
        window = np.outer(bell, bell) / bell.sum() ** 2
        mean_a, mean_b, aa, bb, ab = (convolve2d(image, window, "valid") for image in (a, b, a * a, b * b, a * b))
        contrast = 2 * (ab - mean_a * mean_b) + 0.03**2
        contrast /= aa - mean_a**2 + bb - mean_b**2 + 0.03**2
        luminance = (2 * mean_a * mean_b + 0.01**2) / (mean_a**2 + mean_b**2 + 0.01**2)
        value = (luminance * contrast if scale == scales - 1 else contrast).mean()
        total *= max(value, 1e-3) ** (EXPONENTS[scale] / EXPONENTS[:scales].sum())
        height, width = (size // 2 * 2 for size in a.shape)
        a, b = (image[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for image in (a, b))
    return total


@pytest.mark.parametrize(("side", "scales"), [(4, 1), (8, 2), (12, 2), (28, 3), (35, 4)])
def test_ms_ssim_by_convolution(draws: np.random.Generator, side: int, scales: int) -> None:
    grey = draws.uniform(size=(3, 1, side, side))
    made = np.stack((grey[0] ** 2, 0.6 * grey[1] + 0.4 * draws.uniform(size=(1, side, side)), 1 - grey[2]))
    expected = [similarity(a[0], b[0], scales) for a, b in zip(made, grey, strict=True)]
    subject = of_images(made, grey)
    np.testing.assert_allclose(catalogue.load("metrics", "ms_ssim").measure(subject), expected, rtol=2e-4)
    assert row("ms_ssim", subject)[0] == pytest.approx(np.mean(expected), rel=2e-4)
    assert 0 < min(expected) < 0.05 < 0.5 < max(expected) < 1


def test_ms_ssim_of_controls_and_of_more_images_than_a_part(draws: np.random.Generator) -> None:
    grey = draws.uniform(size=(1010, 1, 8, 8))
    mean = np.repeat(grey.mean(0, keepdims=True), 1010, 0)
    assert row("ms_ssim", of_images(grey, grey))[0] == pytest.approx(1, abs=1e-5)
    assert row("ms_ssim", of_images(mean, grey))[0] < 0.2
    half = np.concatenate((grey[:505], mean[505:]))
    each = catalogue.load("metrics", "ms_ssim").measure(of_images(half, grey))
    assert (each[:505] > 0.999).all() and (each[505:] < 0.5).all()


# Agreement of a judge


class First:
    """A judge whose classes are the first three pixels: the brightest of them."""

    fault = ""

    def probabilities(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :3].double().softmax(1)


def of_classes(classes: Array) -> Array:
    images = np.full((len(classes), 1, 2, 2), 0.2)
    images.reshape(-1, 4)[np.arange(len(classes)), classes] = 0.9
    return images


def test_judge_agreement() -> None:
    grey = of_classes(np.arange(60) % 3)
    made = of_classes((np.arange(60) + (np.arange(60) < 15)) % 3)
    assert row("judge_agreement", of_images(grey, grey, judge=First())) == (100, "")
    assert row("judge_agreement", of_images(0.5 * grey + 0.2, grey, judge=First())) == (100, "")
    assert row("judge_agreement", of_images(made, grey, judge=First())) == (75, "")
    mean = of_classes(np.full(60, 1))
    assert row("judge_agreement", of_images(mean, grey, judge=First()))[0] == pytest.approx(100 / 3)


def test_judge_agreement_that_cannot_be_had() -> None:
    grey = of_classes(np.arange(6) % 3)
    broken = grey.copy()
    broken[4, 0, 1, 1] = np.nan
    assert row("judge_agreement", of_images(broken, grey, judge=First())) == (None, "its images are not finite")
    assert row("judge_agreement", of_images(grey, grey)) == (None, "the data have no judge")
    blind = Judge("mnist", (1, 2, 2), 3, 0.5)
    assert row("judge_agreement", of_images(grey, grey, judge=blind)) == (None, blind.fault)
    assert row("judge_agreement", of_images(grey, grey, judge=First(), scale="real")) == (None, REASONS["images"])


# Collapsed units


def of_posteriors(mean: Array, std: Array) -> Subject:
    """Of images (images, latent), before a standard normal prior."""
    means, log_std = torch.tensor(mean, dtype=torch.float32), torch.tensor(np.log(std), dtype=torch.float32)
    zero = torch.zeros(means.shape[1])
    parts = {
        "encoder": Part(lambda x: Gaussian(means[x.flatten(1)[:, 0].long()], log_std)),
        "prior": Part(lambda encoder: Gaussian(zero, zero)),
        "decoder": Part(lambda z: Delta(z[..., :1, None, None], event_dims=3)),
    }
    images = torch.arange(len(means), dtype=torch.float32)[:, None, None, None]
    return before(VAE(**parts, posterior=None), images, images)


def test_collapsed_units_by_their_divergence() -> None:
    """Half the squared mean, and of the last one, whose mean is 0, that of its deviation."""
    means = np.sqrt(2 * np.array([0, 0.0098, 0.0102, 3, 0]))
    deviations = np.array([1, 1, 1, 1, 0.5])
    subject = of_posteriors(np.stack((means, -means)), deviations)
    assert row("collapsed_units", subject) == (pytest.approx(100 * 2 / 5), "")
    # The mean over images counts: half of them are far away.
    spread = np.array([[0.0, 0, 0], [0, 0.2, 0.1]])
    assert row("collapsed_units", of_posteriors(spread, np.ones(3)))[0] == pytest.approx(100 * 3 / 3)
    assert row("collapsed_units", of_posteriors(2 * spread, np.ones(3)))[0] == pytest.approx(100 * 2 / 3)


def test_collapsed_units_of_what_is_no_number() -> None:
    subject = of_posteriors(np.array([[0.0, 1], [np.nan, 1]]), np.ones(2))
    assert row("collapsed_units", subject) == (None, "its KL divergence is not a number")


# Sensitivity to noise


def test_noise_sensitivity_of_a_linear_decoder(float64: None) -> None:
    """A hundredth of the variance of each coordinate times the squared length of its column, over the pixels."""
    model, x, _ = linear(orthogonal=False)
    subject = before(model, x, x, scale="real")
    weight = model.decoder.network[0].weight
    expected = 0.01 * (subject.means.var(0) * weight.square().sum(0)).sum().item() / PIXELS
    (found,) = catalogue.load("metrics", "noise_sensitivity").rows(subject)
    assert abs(found.value - expected) < 4 * found.error < 0.3 * expected
    with torch.no_grad():
        weight *= 10
    assert row("noise_sensitivity", before(model, x, x, scale="real"))[0] == pytest.approx(100 * found.value)


def test_noise_sensitivity_does_not_depend_on_units(float64: None) -> None:
    """Codes in other units, which the decoder knows."""
    model, x, _ = linear(orthogonal=True)
    value = row("noise_sensitivity", before(model, x, x, scale="real"))[0]
    units, encoder = torch.tensor([5.0, 0.1]), model.encoder.network[-1]
    with torch.no_grad():
        encoder.weight[:2] *= units[:, None]
        encoder.bias[:2] *= units
        model.decoder.network[0].weight /= units
    assert row("noise_sensitivity", before(model, x, x, scale="real"))[0] == pytest.approx(value)


def test_noise_sensitivity_is_of_images_in_their_interval() -> None:
    """Where a decoder says 2 or -1 it says 1 or 0."""
    beyond = np.where(np.arange(120).reshape(30, 1, 2, 2) % 7 < 3, 9.0, -8.0)
    assert row("noise_sensitivity", of_images(beyond, beyond)) == (0, "")
    assert row("noise_sensitivity", of_images(beyond, beyond, scale="real"))[0] > 0.1


def test_noise_sensitivity_that_cannot_be_had() -> None:
    one = np.zeros((1, 1, 2, 2))
    assert row("noise_sensitivity", of_images(one, one)) == (None, "one test image alone has no deviation of codes")
    images = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    model = vaebench.build("svae", (1, 8, 8), latent=2, network_settings={"hidden": [8]}).eval()
    assert row("noise_sensitivity", before(model, images, images)) == (None, REASONS["euclidean"])


# Augmentation


@pytest.fixture(scope="module")
def digits() -> Data:
    return vaebench.dataset("digits")


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vaebench.evaluation.augmentation.STEPS", 40)
    monkeypatch.setattr("vaebench.evaluation.augmentation.SAMPLES", 30)


def relabelled(data: Data, **labels: Tensor) -> Data:
    splits = {name: Split(getattr(data, name).images, values) for name, values in labels.items()}
    return dataclasses.replace(data, **splits)


def test_few_images_are_evenly_spaced_ones_of_each_class(digits: Data) -> None:
    few = Few(digits, 3)
    for label, places in enumerate(few.places):
        of_class = np.flatnonzero(digits.train.labels.numpy() == label)
        count = len(of_class)
        np.testing.assert_array_equal(places, of_class[[0, count // 3, 2 * count // 3]])
    assert [len(places) for places in Few(digits, 10_000).places] == digits.train.labels.bincount().tolist()


def test_training_images_help_and_noise_does_not(digits: Data, short: None) -> None:
    few = Few(digits, 2)
    images, labels = scaled(digits.train.images), digits.train.labels
    asked = []

    def training(places: Tensor, count: int, seed: int) -> Tensor:
        label = labels[places[0]]
        asked.append((int(label), seed))
        return images[(labels == label).nonzero().flatten()[:count]]

    def noise(places: Tensor, count: int, seed: int) -> Tensor:
        return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed % 2**32))

    best, worst = Augmentation(few, training), Augmentation(few, noise)
    found = {name: row("augmented_accuracy", each)[0] for name, each in (("best", best), ("worst", worst))}
    alone = row("few_image_accuracy", best)[0]
    assert alone == row("few_image_accuracy", worst)[0]
    assert found["best"] > alone + 8 and found["best"] > 85
    assert found["worst"] < alone
    assert [label for label, _ in asked] == list(range(10)) and len({seed for _, seed in asked}) == 10


def test_samples_of_the_wrong_class_mislead(digits: Data, short: None) -> None:
    """Those of the next class are learnt as such."""
    images, labels = scaled(digits.train.images), digits.train.labels

    def shifted(places: Tensor, count: int, seed: int) -> Tensor:
        return images[(labels == (labels[places[0]] + 1) % 10).nonzero().flatten()[:count]]

    few = Few(digits, 1)
    assert Augmentation(few, shifted).accuracy < 15
    wrong = relabelled(digits, test=(digits.test.labels - 1) % 10)
    assert Augmentation(Few(wrong, 1), shifted).accuracy > 80


def test_classes_without_images(digits: Data) -> None:
    labels = digits.train.labels
    gap = relabelled(digits, train=torch.where(labels == 4, 5, labels))
    assert fault(Few, gap, 2) == "class 4 has no training image"
    one = relabelled(digits, train=torch.zeros_like(labels))
    reason = "the data are no images of several classes"
    assert fault(Few, one, 2) == reason
    assert fault(Few, dataclasses.replace(digits, scale="real"), 2) == reason


def test_samples_that_cannot_be_had(digits: Data) -> None:
    few = Few(digits, 1)

    def none(places: Tensor, count: int, seed: int) -> Tensor:
        raise Missing("it has no samples of a class")

    def broken(places: Tensor, count: int, seed: int) -> Tensor:
        return torch.full((count, 1, 8, 8), torch.nan)

    assert row("augmented_accuracy", Augmentation(few, none)) == (None, "it has no samples of a class")
    assert row("augmented_accuracy", Augmentation(few, broken)) == (None, "its images are not finite")
