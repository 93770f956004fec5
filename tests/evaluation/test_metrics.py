from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import skimage.metrics
import torch
from torch import Tensor

import vaebench
from vaebench import random
from vaebench.data import binarisation
from vaebench.data.binarisation import scaled
from vaebench.data.dataset import Data
from vaebench.evaluation.subject import Subject
from vaebench.model.abilities import REASONS
from vaebench.model.objectives.ssim import ssim
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.views import metrics as of_views

Rows = dict[str, tuple[float | None, str]]
SAMPLES, IMAGES = 30, 100
EVENLY = [image * 256 // IMAGES for image in range(IMAGES)]  # of the 256 test images
LIKELIHOOD = {"elbo", "distortion", "rate", "nll", "effective_sample_size", "high_pareto_k"}
LATENT = {"active_units", "kl_per_dimension", "collapsed_units"}
CODES = {"used_codes", "code_perplexity"}
RECONSTRUCTION = {"mse", "psnr", "ssim", "bce", "ms_ssim", "judge_agreement"}
SURGERY = {"mutual_information", "marginal_kl", "total_correlation", "dimension_wise_kl"}


@pytest.fixture(scope="module")
def digits() -> Data:
    return vaebench.dataset("digits")


@pytest.fixture(scope="module")
def models(digits: Data) -> dict[str, VAE]:
    settings = {"latent": 3, "epochs": 3, "batch_size": 64, "network_settings": {"hidden": [32]}}
    return {name: vaebench.train(name, digits, **settings) for name in ("ae", "vae", "beta_vae", "copy", "mean")}


def before(model: VAE, data: Data, convention: str = "dynamic", seed: int = 0) -> Subject:
    observed = scaled(binarisation.fixed(data.test.images, convention, "test"))
    return Subject(
        model, scaled(data.test.images), observed, seed, importance_samples=SAMPLES, importance_images=IMAGES
    )


def measured(subject: Subject) -> Rows:
    metrics = [catalogue.load("metrics", name) for name in of_views(["model"], "default")["model"]]
    return {row.name: (row.value, row.reason) for metric in metrics for row in metric.rows(subject)}


def values(subject: Subject) -> dict[str, float]:
    """Numbers of every metric that applies."""
    return {name: value for name, (value, _) in measured(subject).items() if value is not None}


def numbers(*shape: int, part: int = 0) -> Tensor:
    return random.Stream(torch.tensor(random.key(part, "test"))).uniform(shape, torch.float64)


# Structural similarity


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_agrees_with_scikit_image(channels: int) -> None:
    a = numbers(4, channels, 28, 28)
    b = (a + 0.3 * (numbers(4, channels, 28, 28, part=1) - 0.5)).clamp(0, 1)
    b[3] = 1 - a[3]
    theirs = [
        skimage.metrics.structural_similarity(
            x, y, channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
        )
        for x, y in zip(a.numpy(), b.numpy(), strict=True)
    ]
    np.testing.assert_allclose(ssim(a, b), theirs, rtol=1e-10)
    assert theirs[3] < 0 < theirs[0]


@pytest.mark.parametrize(("shape", "side"), [((8, 8), 7), ((4, 9), 3), ((11, 12), 11)])
def test_ssim_of_small_images_is_its_formula(shape: tuple[int, int], side: int) -> None:
    a, b = numbers(1, 1, *shape)[0, 0].numpy(), numbers(1, 1, *shape, part=1)[0, 0].numpy()
    weights = np.exp(-0.5 * (np.arange(side) - side // 2) ** 2 / 1.5**2)
    window = np.outer(weights, weights) / weights.sum() ** 2
    local = []
    for top in range(shape[0] - side + 1):
        for left in range(shape[1] - side + 1):
            x, y = (image[top : top + side, left : left + side] for image in (a, b))
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy, cov = (
                window * (p - m) * (q - n) for p, m, q, n in ((x, mx, x, mx), (y, my, y, my), (x, mx, y, my))
            )
            top_line = (2 * mx * my + 1e-4) * (2 * cov.sum() + 9e-4)
            local.append(top_line / ((mx**2 + my**2 + 1e-4) * (vx.sum() + vy.sum() + 9e-4)))
    assert ssim(torch.tensor(a)[None, None], torch.tensor(b)[None, None]).item() == pytest.approx(
        np.mean(local), rel=1e-11
    )


def test_ssim_of_an_image_with_itself_is_one_and_is_symmetric() -> None:
    a, b = numbers(3, 1, 28, 28), numbers(3, 1, 28, 28, part=1)
    torch.testing.assert_close(ssim(a, a), torch.ones(3, dtype=torch.float64), rtol=1e-13, atol=0)
    torch.testing.assert_close(ssim(a, b), ssim(b, a), rtol=1e-13, atol=0)
    assert torch.equal(ssim(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)), torch.ones(1))


# Reconstructions


@pytest.mark.parametrize("name", ["ae", "vae", "mean"])
def test_reconstruction_metrics_agree_with_scikit_image(models: dict[str, VAE], digits: Data, name: str) -> None:
    subject = before(models[name], digits)
    grey = digits.test.images.double().numpy() / 255
    with torch.no_grad():
        made = models[name].decode(models[name].encode(subject.observed)).clamp(0, 1).double().numpy()
    found = values(subject)
    pairs = list(zip(grey, made, strict=True))
    assert found["mse"] == pytest.approx(np.mean((grey - made) ** 2), rel=1e-5)
    assert found["mse"] == pytest.approx(
        np.mean([skimage.metrics.mean_squared_error(a, b) for a, b in pairs]), rel=1e-5
    )
    theirs = np.mean([skimage.metrics.peak_signal_noise_ratio(a, b, data_range=1) for a, b in pairs])
    assert found["psnr"] == pytest.approx(theirs, rel=1e-5)
    assert found["ssim"] == pytest.approx(ssim(torch.tensor(grey), torch.tensor(made)).mean().item(), rel=1e-4)


def test_the_ideal_control_is_perfect(models: dict[str, VAE], digits: Data) -> None:
    rows = measured(before(models["copy"], digits, "none"))
    assert rows["mse"] == (0, "")
    assert rows["ssim"] == (pytest.approx(1, abs=1e-6), "")
    assert rows["psnr"] == (None, "it is infinite: 256 of 256 images are reconstructed exactly")
    missing = {name: reason for name, (value, reason) in rows.items() if value is None and name not in {"psnr", *CODES}}
    assert missing.pop("judge_agreement") == "the data have no judge"
    assert set(missing) == LIKELIHOOD | LATENT | SURGERY
    assert missing.pop("distortion") == REASONS["likelihood"]
    assert set(missing.values()) == {REASONS["posterior"]}


def test_the_ideal_control_of_binarised_images_measures_the_binarisation(models: dict[str, VAE], digits: Data) -> None:
    subject = before(models["copy"], digits)
    assert torch.equal(subject.reconstructions, subject.observed)
    error = (subject.observed - subject.grey).double().square().mean().item()
    assert values(subject)["mse"] == pytest.approx(error, rel=1e-6)
    assert error > 0.01


# Likelihoods


def test_the_worthless_control_is_the_model_of_independent_pixels(models: dict[str, VAE], digits: Data) -> None:
    subject = before(models["mean"], digits)
    found = values(subject)
    share = digits.train.images.double().numpy().mean(0) / 255
    bound = 1 / (1 + np.exp(15.0))  # of the features
    share = share.clip(bound, 1 - bound)
    x = subject.observed.double().numpy()
    log_p = (x * np.log(share) + (1 - x) * np.log1p(-share)).sum((1, 2, 3))
    assert found["rate"] == 0
    assert found["elbo"] == pytest.approx(log_p.mean(), rel=1e-5)
    assert found["distortion"] == pytest.approx(-log_p.mean(), rel=1e-5)
    assert found["nll"] == pytest.approx(-log_p.mean(), rel=1e-5)  # of all images, by the ELBO of those without weights
    assert found["high_pareto_k"] == 0
    assert found["effective_sample_size"] == pytest.approx(SAMPLES, rel=1e-5)
    assert found["active_units"] == 0
    assert [found[f"kl_per_dimension_{rank}"] for rank in (1, 2, 3)] == [0, 0, 0]
    grey = digits.test.images.double().numpy() / 255
    assert found["mse"] == pytest.approx(((grey - share) ** 2).mean(), rel=1e-4)


@pytest.mark.parametrize("name", ["vae", "beta_vae"])
def test_elbo_is_distortion_and_rate_of_one_latent(models: dict[str, VAE], digits: Data, name: str) -> None:
    model, subject = models[name], before(models[name], digits, seed=4)
    with torch.no_grad(), random.stream(random.fold(torch.tensor(random.key(4, "test")), 0)):
        q = model.encoder(subject.observed)
        z = q.rsample()
        logits = model.decoder.network(z).double().numpy()
    x, mean, std = (value.double().numpy() for value in (subject.observed, q.mean, q.stddev))
    distortion = -(x * logits - np.logaddexp(0, logits)).sum((1, 2, 3)).mean()
    each = (0.5 * (std**2 + mean**2 - 1) - np.log(std)).mean(0)
    found = values(subject)
    assert found["distortion"] == pytest.approx(distortion, rel=1e-5)
    assert found["rate"] == pytest.approx(each.sum(), rel=1e-5)
    assert found["elbo"] == pytest.approx(-distortion - each.sum(), rel=1e-5)
    assert [found[f"kl_per_dimension_{rank}"] for rank in (1, 2, 3)] == pytest.approx(
        sorted(each, reverse=True), rel=1e-4
    )
    assert found["active_units"] == (mean.var(0, ddof=1) > 0.01).sum()
    assert found["active_units"] > 0 or name == "beta_vae"


@pytest.mark.parametrize("name", ["vae", "beta_vae", "mean"])
def test_kl_of_the_dimensions_sums_to_the_rate(models: dict[str, VAE], digits: Data, name: str) -> None:
    found = values(before(models[name], digits))
    each = [value for label, value in found.items() if label.startswith("kl_per_dimension_")]
    assert len(each) == 3
    assert sum(each) == pytest.approx(found["rate"], rel=1e-5)
    assert each == sorted(each, reverse=True)


def test_nll_and_effective_sample_size_are_their_formulas(models: dict[str, VAE], digits: Data) -> None:
    model, subject = models["vae"], before(models["vae"], digits, seed=2)
    x = subject.observed[EVENLY]
    with torch.no_grad(), random.stream(random.fold(torch.tensor(random.key(2, "importance")), 0)):
        q = model.encoder(x)
        z = q.rsample((SAMPLES,))
        logits = model.decoder.network(z).double().numpy()
    pixels, latents, mean, std = (value.double().numpy() for value in (x, z, q.mean, q.stddev))
    log_px = (pixels * logits - np.logaddexp(0, logits)).sum((2, 3, 4))
    log_ratio = scipy.stats.norm.logpdf(latents) - scipy.stats.norm.logpdf(latents, mean, std)
    log_w = log_px + log_ratio.sum(2)
    np.testing.assert_allclose(subject.log_w, log_w, rtol=1e-5)
    weights = np.exp(log_w - log_w.max(0))
    found = values(subject)
    nll = -(np.log(weights.mean(0)) + log_w.max(0)).mean()
    others = np.delete((subject.log_px - subject.kl).double().numpy(), EVENLY)
    share = len(others) / 256
    assert found["nll"] == pytest.approx(nll + share * log_w.mean() - share * others.mean(), rel=1e-5)
    assert found["effective_sample_size"] == pytest.approx((weights.sum(0) ** 2 / (weights**2).sum(0)).mean(), rel=1e-3)
    assert 1 < found["effective_sample_size"] < SAMPLES
    # Jensen: the bound is tighter than the mean log weight.
    assert nll < -log_w.mean()


def test_importance_weights_beyond_one_decoder_batch(
    models: dict[str, VAE], digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of samples and of images put every weight in its own place."""
    whole = before(models["mean"], digits).log_w
    monkeypatch.setattr("vaebench.evaluation.subject.DECODER_BATCH", 7)
    parts = before(models["mean"], digits).log_w
    torch.testing.assert_close(parts, whole)
    assert parts.shape == (SAMPLES, IMAGES)
    noisy = before(models["vae"], digits)
    nll = catalogue.load("metrics", "nll").measure(noisy).value
    monkeypatch.undo()
    # Another division draws other noise: the same estimate up to Monte Carlo error.
    assert nll == pytest.approx(catalogue.load("metrics", "nll").measure(before(models["vae"], digits)).value, rel=0.02)


def test_an_autoencoder_has_no_bound(models: dict[str, VAE], digits: Data) -> None:
    rows = measured(before(models["ae"], digits))
    missing = {name: reason for name, (value, reason) in rows.items() if value is None}
    assert {missing.pop(name) for name in CODES} == {REASONS["codes"]}
    assert missing.pop("judge_agreement") == "the data have no judge"
    assert missing == dict.fromkeys((LIKELIHOOD | LATENT | SURGERY) - {"distortion"}, REASONS["posterior"])
    measured_ones = RECONSTRUCTION - {"judge_agreement"} | {"distortion", "noise_sensitivity"}
    assert {name for name, (value, reason) in rows.items() if value is not None and not reason} == measured_ones


def test_evaluations_repeat_and_depend_on_the_seed(models: dict[str, VAE], digits: Data) -> None:
    first, again, other = (values(before(models["vae"], digits, seed=seed)) for seed in (0, 0, 1))
    assert first == again
    assert {name for name in first if first[name] != other[name]} == (
        LIKELIHOOD - {"rate", "high_pareto_k"} | SURGERY | {"noise_sensitivity"}
    )


def test_the_interface_gives_the_same_numbers(models: dict[str, VAE], digits: Data) -> None:
    found = vaebench.evaluate(models["vae"], digits, importance_samples=SAMPLES, importance_images=IMAGES)
    of_model = {name: value for name, (value, _) in measured(before(models["vae"], digits)).items()}
    assert of_model == {name: found[name] for name in of_model}
    assert set(found) - set(of_model) == set(of_views(["representation"], "default")["representation"])


def test_every_metric_is_tested() -> None:
    assert set(of_views(["model"], "default")["model"]) == LIKELIHOOD | LATENT | CODES | RECONSTRUCTION | SURGERY | {
        "noise_sensitivity"
    }
