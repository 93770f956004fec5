"""Samplers on codes of known laws, and all samplers on all flavours."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import ive
from scipy.stats import multivariate_normal, vonmises_fisher
from sklearn.datasets import load_digits
from torch import Tensor, nn

import vaebench
from vaebench import random
from vaebench.errors import Missing
from vaebench.model.distributions.delta import Delta
from vaebench.model.vae import VAE
from vaebench.samplers import fitted
from vaebench.samplers.catalogue.von_mises_fisher import concentration, maximised
from vaebench.samplers.encoded import Encoded
from vaebench.samplers.sampler import Sampler
from vaebench.study import catalogue
from vaebench.study.config import Choice

IMAGE = (1, 8, 8)
DIGITS = torch.tensor(load_digits().images / 16, dtype=torch.float32)[:, None]
QUICK: dict[str, dict[str, Any]] = {
    "autoregressive": {"hidden": 16, "steps": 5},
    "flow": {"layers": 1, "hidden": [8], "steps": 2},
    "manifold": {"centroids": 5, "steps": 3, "leapfrogs": 1},
    "two_stage": {"hidden": [8], "steps": 2},
}


def model(flavour: str, latent: int = 2, **hyper: Any) -> VAE:
    """Of random weights, as training begins."""
    made = vaebench.build(flavour, IMAGE, latent=latent, network_settings={"hidden": [16]}, hyperparameters=hyper)
    defaults = catalogue.load("flavours", flavour).defaults
    with random.stream(torch.tensor(2)):
        catalogue.load("flavours", flavour).call("begin", made, DIGITS, defaults | hyper)
    return made.eval()


def known(vae: VAE, **values: Any) -> Encoded:
    """Given codes in place of those of images: ``draws``, which are the ``means`` unless these are given, and more."""
    codes = Encoded(vae, torch.zeros(1, *IMAGE), 0)
    values = {"means": values["draws"]} | values
    vars(codes)["_pass"] = {name: torch.as_tensor(value) for name, value in values.items()}
    return codes


def sampler(name: str, **settings: Any) -> Choice:
    return Choice.of("samplers", name, settings)


def drawn(fit: Sampler, vae: VAE, count: int = 20_000) -> np.ndarray:
    with torch.no_grad(), random.stream(torch.tensor(5)):
        return fit.sample(vae, count).double().numpy()


def floats(values: Any) -> Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float32)


def of_moments(z: np.ndarray, mean: Any, covariance: Any, sigmas: float = 5) -> None:
    """Draws have this mean and this covariance, within so many standard errors of Gaussian draws."""
    mean, covariance = np.asarray(mean), np.asarray(covariance)
    scale = np.sqrt(np.diag(covariance))
    assert np.abs((z.mean(0) - mean) / scale).max() < sigmas / math.sqrt(len(z))
    gap = (np.cov(z.T) - covariance) / np.outer(scale, scale)
    assert np.abs(gap).max() < 1.5 * sigmas / math.sqrt(len(z))


WEIGHTS = np.array([0.5, 0.3, 0.2])
CENTRES = np.array([[0.0, 0.0], [6.0, 1.0], [-4.0, 5.0]])
COVARIANCES = np.array([[[1.0, 0.6], [0.6, 0.8]], [[0.3, 0.0], [0.0, 1.5]], [[0.5, -0.3], [-0.3, 0.4]]])


def of_mixture(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws of a mixture of Gaussians in the plane, in exact proportions, and the component of each."""
    generator = np.random.default_rng(0)
    which = np.repeat(np.arange(3), (WEIGHTS * count).astype(int))
    noise = generator.normal(size=(len(which), 2))
    return CENTRES[which] + np.einsum("nij,nj->ni", np.linalg.cholesky(COVARIANCES)[which], noise), which


def mixture_moments(weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = weights @ means
    spread = np.einsum("k,ki,kj->ij", weights, means - mean, means - mean)
    return mean, spread + np.einsum("k,kij->ij", weights, covariances)


def test_a_gaussian_mixture_finds_the_components_of_one() -> None:
    vae, (codes, _) = model("ae"), of_mixture(20_000)
    fit: Any = fitted.fit(sampler("gaussian_mixture", components=3), vae, known(vae, draws=floats(codes)), 0)
    order = fit.weights.argsort(descending=True)
    np.testing.assert_allclose(fit.weights[order], WEIGHTS, atol=0.005)
    np.testing.assert_allclose(fit.means[order], CENTRES, atol=0.05)
    np.testing.assert_allclose((fit.roots @ fit.roots.mT)[order], COVARIANCES, atol=0.05)
    of_moments(drawn(fit, vae), *mixture_moments(WEIGHTS, CENTRES, COVARIANCES))


def test_a_gaussian_mixture_has_no_more_components_than_half_the_codes() -> None:
    vae = model("ae")
    codes = floats([[0, 0], [0, 0], [0, 1], [3, 0], [3, 1]])
    fit: Any = fitted.fit(sampler("gaussian_mixture"), vae, known(vae, draws=codes), 0)
    assert len(fit.weights) == 2


@pytest.mark.parametrize("kind", ["realnvp", "maf", "iaf"])
def test_a_flow_finds_a_gaussian(kind: str) -> None:
    vae, generator = model("ae"), np.random.default_rng(0)
    mean, covariance = np.array([3.0, -1.0]), np.array([[4.0, 1.5], [1.5, 1.0]])
    codes = generator.multivariate_normal(mean, covariance, 10_000)
    choice = sampler("flow", kind=kind, layers=2, hidden=[8], steps=150)
    fit: Any = fitted.fit(choice, vae, known(vae, draws=floats(codes)), 0)
    places = generator.multivariate_normal(mean, covariance, 1000)
    with torch.no_grad():
        ours = fit.law().log_prob((floats(places) - fit.mean) / fit.deviation) - fit.deviation.log().sum()
    exact = multivariate_normal(mean, covariance).logpdf(places)
    assert np.abs(ours.numpy() - exact).mean() < 0.15
    np.testing.assert_allclose(np.cov(drawn(fit, vae).T), covariance, rtol=0.15)


def test_the_aggregate_posterior_is_the_mixture_of_the_posteriors() -> None:
    vae, generator = model("vae"), np.random.default_rng(0)
    means, deviations = generator.normal(size=(50, 2)) * [1, 4], generator.uniform(0.2, 3, size=(50, 2))
    codes = known(vae, draws=floats(means), log_std=floats(np.log(deviations)))
    fit = fitted.fit(sampler("aggregate_posterior"), vae, codes, 0)
    spread = np.eye(2) * (deviations**2)[:, None]
    of_moments(drawn(fit, vae), *mixture_moments(np.full(50, 1 / 50), means, spread))


def test_the_aggregate_posterior_of_a_deterministic_encoder_is_a_kernel_density() -> None:
    vae, codes = model("ae"), np.random.default_rng(0).normal(size=(64, 2)) * [1, 4]
    fit = fitted.fit(sampler("aggregate_posterior"), vae, known(vae, draws=floats(codes)), 0)
    bandwidth = codes.std(0, ddof=1) / 2  # 64^(-1/6)
    of_moments(drawn(fit, vae), codes.mean(0), np.cov(codes.T, bias=True) + np.diag(bandwidth**2))


def test_vamp_weighs_posteriors_by_the_shares_of_their_clusters() -> None:
    vae, (codes, which) = model("vae"), of_mixture(1000)
    log_std = floats(np.tile(np.log([[0.5], [0.7], [0.9]])[which], 2))
    fit: Any = fitted.fit(sampler("vamp", components=3), vae, known(vae, draws=floats(codes), log_std=log_std), 0)
    order = fit.weights.argsort(descending=True)
    np.testing.assert_allclose(fit.weights[order], WEIGHTS, atol=0.03)
    np.testing.assert_allclose(fit.deviations[order], [[0.5] * 2, [0.7] * 2, [0.9] * 2], rtol=1e-6)
    for centre, near in zip(fit.centres[order], CENTRES, strict=True):
        assert (floats(codes) == centre).all(1).any() and (centre.numpy() - near).__abs__().max() < 0.3
    spread = np.eye(2) * fit.deviations.double().square().numpy()[:, None]
    moments = mixture_moments(fit.weights.double().numpy(), fit.centres.double().numpy(), spread)
    of_moments(drawn(fit, vae), *moments)


def test_a_pseudo_input_is_of_its_own_cluster() -> None:
    """The code nearest to the centre of the two outer codes is of the other cluster."""
    vae = model("vae")
    codes = floats([[-10, 0], [10, 0]] + [[0, 1.6]] + [[x, 3.5] for x in np.linspace(-1, 1, 50)])
    fit: Any = fitted.fit(
        sampler("vamp", components=2), vae, known(vae, draws=codes, log_std=torch.zeros_like(codes)), 0
    )
    assert {tuple(centre.tolist()) for centre in fit.centres} != {(0.0, 1.6)}
    assert len(fit.centres.unique(dim=0)) == 2


JOINT = np.array([[0.30, 0.05, 0.00], [0.02, 0.03, 0.25], [0.10, 0.15, 0.10]])


def test_an_autoregression_finds_the_joint_law_of_two_codes() -> None:
    vae = model("fsq_vae", levels=3)
    index = np.repeat(list(itertools.product(range(3), range(3))), (JOINT.flatten() * 2000).round().astype(int), axis=0)
    codes = known(vae, draws=floats(index - 1), index=torch.tensor(index))
    fit = fitted.fit(sampler("autoregressive", hidden=32, steps=400), vae, codes, 0)
    cells = (drawn(fit, vae).round().astype(int) + 1) @ [3, 1]
    found = np.bincount(cells, minlength=9) / len(cells)
    assert 0.5 * np.abs(found - JOINT.flatten()).sum() < 0.03
    independent = np.outer(JOINT.sum(1), JOINT.sum(0))
    assert 0.5 * np.abs(independent - JOINT).sum() > 0.2


def test_the_hypersphere_is_uniform() -> None:
    vae = model("svae", latent=3)
    z = drawn(fitted.fit(sampler("hypersphere"), vae, known(vae, draws=torch.zeros(1, 4)), 0), vae)
    of_moments(z, np.zeros(4), np.eye(4) / 4)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose((z**4).mean(0), 3 / (4 * 6), atol=0.005)


def test_a_mixture_of_von_mises_fisher_laws_finds_directions_and_concentrations() -> None:
    vae = model("svae")
    directions, kappas, weights = np.array([[0, 0.6, 0.8], [0, 0.8, -0.6]]), [20.0, 80.0], np.array([0.7, 0.3])
    parts = [
        vonmises_fisher(mu, kappa).rvs(int(20_000 * weight), random_state=0)
        for mu, kappa, weight in zip(directions, kappas, weights, strict=True)
    ]
    codes = known(vae, draws=floats(np.concatenate(parts)))
    fit: Any = fitted.fit(sampler("von_mises_fisher", components=2), vae, codes, 0)
    order = fit.weights.argsort(descending=True)
    np.testing.assert_allclose(fit.weights[order], weights, atol=0.005)
    np.testing.assert_allclose(fit.directions[order], directions, atol=0.01)
    np.testing.assert_allclose(fit.concentrations[order], kappas, rtol=0.05)
    z, lengths = drawn(fit, vae), 1 / np.tanh(kappas) - 1 / np.array(kappas)
    np.testing.assert_allclose(z.mean(0), (weights * lengths) @ directions, atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("size", [2, 3, 17])
@pytest.mark.parametrize("length", [0.01, 0.3, 0.9, 0.9999])
def test_a_concentration_is_that_of_its_mean_resultant_length(size: int, length: float) -> None:
    exact = brentq(lambda kappa: ive(size / 2, kappa) / ive(size / 2 - 1, kappa) - length, 1e-6, 1e6, xtol=1e-9)
    found = float(concentration(torch.tensor(length, dtype=torch.float64), size))
    assert found == pytest.approx(exact, rel=1e-3)


def test_a_component_of_no_codes_has_no_weight_and_takes_none_from_others() -> None:
    z = torch.eye(3, dtype=torch.float64)
    weights, directions, concentrations = maximised(z, torch.tensor([[1.0, 0.0]] * 3, dtype=torch.float64))
    assert weights.tolist() == [1, 0]
    torch.testing.assert_close(directions[0], torch.full((3,), 3**-0.5, dtype=torch.float64))
    assert concentrations.isfinite().all()


def test_a_wrapped_gaussian_finds_the_moments_of_tangent_vectors() -> None:
    vae, generator = model("poincare_vae", curvature=0.5), np.random.default_rng(0)
    mean, covariance, root = np.array([0.4, -0.2]), np.array([[0.5, 0.2], [0.2, 0.3]]), math.sqrt(0.5)
    vectors = generator.multivariate_normal(mean, covariance, 20_000)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = floats(np.tanh(root * lengths / 2) / root * vectors / lengths)
    z = drawn(fitted.fit(sampler("poincare"), vae, known(vae, draws=codes), 0), vae)
    radius = np.linalg.norm(z, axis=1, keepdims=True)
    assert radius.max() < 1 / root
    of_moments(2 * np.arctanh(root * radius) / root * z / radius, mean, covariance, sigmas=8)


def test_codes_at_the_rim_of_the_ball_give_latents_within_it() -> None:
    vae = model("poincare_vae", curvature=1.0)
    angles = torch.linspace(0, 6, 20)
    codes = known(vae, draws=(1 - 1e-6) * torch.stack((angles.cos(), angles.sin()), -1))
    fit = fitted.fit(sampler("poincare"), vae, codes, 0)
    assert fitted.draw(fit, vae, 2000, 0).isfinite().all()
    with torch.no_grad():
        assert fit.sample(vae, 2000).norm(dim=-1).max() < 1


def test_a_second_vae_finds_a_gaussian() -> None:
    vae, generator = model("ae"), np.random.default_rng(0)
    mean, covariance = np.array([3.0, -1.0]), np.array([[4.0, 1.5], [1.5, 1.0]])
    codes = known(vae, draws=floats(generator.multivariate_normal(mean, covariance, 4000)))
    z = drawn(fitted.fit(sampler("two_stage", hidden=[16], steps=300), vae, codes, 0), vae)
    np.testing.assert_allclose(z.mean(0), mean, atol=0.1)
    np.testing.assert_allclose(np.cov(z.T), covariance, rtol=0.25)


@pytest.mark.slow
def test_a_second_vae_finds_a_banana() -> None:
    r"""Of $a \sim \mathcal N(0, 1)$ and $a^2$ with noise, where the two and the square of the one have covariances."""
    vae, generator = model("ae"), np.random.default_rng(0)
    a = generator.normal(size=4000)
    codes = np.stack((2 * a, 0.5 * a**2 + 0.2 * generator.normal(size=len(a))), -1)
    z = drawn(fitted.fit(sampler("two_stage"), vae, known(vae, draws=floats(codes)), 0), vae)
    np.testing.assert_allclose(z.mean(0), [0, 0.5], atol=0.05)
    np.testing.assert_allclose(z.std(0), [2, math.sqrt(0.54)], rtol=0.1)
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.05
    assert np.cov(z[:, 0] ** 2, z[:, 1])[0, 1] == pytest.approx(4, rel=0.25)


class Paraboloid(nn.Module):
    r"""$z \mapsto (z, |z|^2)$, of the volume $\sqrt{1 + 4|z|^2}$."""

    def forward(self, z: Tensor) -> Delta:
        return Delta(torch.cat((z, z.square().sum(-1, keepdim=True)), -1)[..., None, None], 3)


def posterior_volume(codes: Encoded, fit: Any, vae: VAE) -> Callable[[np.ndarray], np.ndarray]:
    """From the equations of the paper, for centroids that are codes."""
    assert codes.log_std is not None
    where = [int((codes.means.double() == centroid).all(1).nonzero()[0, 0]) for centroid in fit.centroids]
    precisions = np.exp(-2 * codes.log_std[where].double().numpy())

    def volume(z: np.ndarray) -> np.ndarray:
        tensor = np.full((len(z), 2, 2), 0.01 * np.eye(2))
        for centroid, precision in zip(fit.centroids.numpy(), precisions, strict=True):
            weight = np.exp(-((z - centroid) ** 2 @ precision) / float(fit.radius) ** 2)
            tensor += weight[:, None, None] * np.diag(precision)
        return np.sqrt(np.linalg.det(tensor))

    return volume


def learned_volume(codes: Encoded, fit: Any, vae: VAE) -> Callable[[np.ndarray], np.ndarray]:
    metric = vae.learned_metric
    return lambda z: np.linalg.det(metric(floats(z)).detach().double().numpy()) ** -0.5


def paraboloid_volume(codes: Encoded, fit: Any, vae: VAE) -> Callable[[np.ndarray], np.ndarray]:
    """Eigenvalues of the regularised metric are 1.01 across the slope, and along it more by the slope's square."""
    return lambda z: np.sqrt(1.01 * (1.01 + 4 * (z**2).sum(1)))


VOLUMES = {"posterior": posterior_volume, "learned": learned_volume, "pullback": paraboloid_volume}


@pytest.mark.parametrize("metric", VOLUMES)
def test_the_manifold_is_drawn_from_in_proportion_to_its_volume(metric: str) -> None:
    vae, generator = model("rhvae" if metric == "learned" else "vae"), np.random.default_rng(0)
    if metric == "pullback":
        vae.decoder = Paraboloid()
    with torch.no_grad():
        centre = vae.encode(DIGITS).mean(0).numpy() if metric == "learned" else np.zeros(2)
    means, log_std = generator.normal(size=(200, 2)), generator.normal(-1, 0.3, size=(200, 2))
    codes = known(vae, draws=floats(centre + means), log_std=floats(log_std))
    fit: Any = fitted.fit(sampler("manifold", metric=metric, centroids=8, steps=30, leapfrogs=5), vae, codes, 0)
    z = drawn(fit, vae, 1500)
    centroids, radius = fit.centroids.numpy(), float(fit.radius)
    gaps = np.linalg.norm(centroids[:, None] - centroids, axis=-1) + 1e9 * np.eye(len(centroids))
    assert radius == pytest.approx(gaps.min(1).max())
    low, high = centroids.min(0) - radius, centroids.max(0) + radius
    grid = np.stack(np.meshgrid(*np.linspace(low, high, 200).T), -1).reshape(-1, 2)
    near = np.linalg.norm(grid[:, None] - centroids, axis=-1).min(1) <= radius
    masses = near * VOLUMES[metric](codes, fit, vae)(grid)
    mean = masses @ grid / masses.sum()
    covariance = np.cov(grid.T, aweights=masses)
    of_moments(z, mean, covariance)
    flat = np.cov(grid[near].T)
    assert np.abs(flat - covariance).max() > 0.1 * np.abs(covariance).max()
    assert (np.linalg.norm(z[:, None] - centroids, axis=-1).min(1) <= radius).all()


def test_the_manifold_says_which_metric_a_model_lacks() -> None:
    for flavour, metric, reason in (("vae", "learned", "learns no"), ("ae", "posterior", "not a diagonal Gaussian")):
        vae = model(flavour)
        with pytest.raises(Missing, match=f"'manifold' does not apply: it.*{reason}"):
            fitted.fit(sampler("manifold", metric=metric), vae, Encoded(vae, DIGITS[:50], 0), 0)


SPACES = {"autoregressive": "gumbel_vae", "hypersphere": "svae", "von_mises_fisher": "svae", "poincare": "poincare_vae"}
FITS = [(SPACES.get(name, "vae"), name, QUICK.get(name, {})) for name in catalogue.names("samplers")]
FITS += [("rhvae", "manifold", QUICK["manifold"] | {"metric": "learned"})]
FITS += [("ae", "manifold", QUICK["manifold"] | {"metric": "pullback"})]


@pytest.mark.parametrize(("flavour", "name", "settings"), FITS)
def test_a_sampler_is_kept_and_a_function_of_the_seed(
    flavour: str, name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    vae, choice = model(flavour), sampler(name, **settings)
    one, two = (fitted.fit(choice, vae, Encoded(vae, DIGITS[:200], 0), seed) for seed in (0, 0))
    images = fitted.draw(one, vae, 30, 0)
    assert torch.equal(images, fitted.draw(one, vae, 30, 0)) and torch.equal(images, fitted.draw(two, vae, 30, 0))
    assert not torch.equal(images, fitted.draw(one, vae, 30, 1))
    fitted.save(one, tmp_path / "one.safetensors", {"seed": 0})
    fitted.save(two, tmp_path / "two.safetensors", {"seed": 0})
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    assert torch.equal(images, fitted.draw(fitted.load(tmp_path / "one.safetensors", choice, vae), vae, 30, 0))


def test_a_kept_sampler_is_fitted_again_where_its_facts_are_others(tmp_path: Path) -> None:
    vae, path = model("vae"), tmp_path / "samplers/maf.safetensors"
    counted = []

    def codes() -> Encoded:
        counted.append(1)
        return Encoded(vae, DIGITS[:50], 0)

    for key, steps, times in (("a", 5, 1), ("a", 5, 1), ("b", 5, 2), ("b", 6, 3), ("b", 6, 3)):
        choice = sampler("flow", **QUICK["flow"] | {"steps": steps})
        fitted.kept(tmp_path, key, "maf", choice, vae, codes, 0)
        assert len(counted) == times and path.exists()


def test_densities_are_those_of_scipy() -> None:
    vae = model("ae")
    codes = Encoded(vae, DIGITS[:300], 0)
    mixture = fitted.fit(sampler("gaussian_mixture"), vae, codes, 0)
    with random.stream(torch.tensor(5)):
        z = mixture.density(vae).rsample(torch.Size((6, 2)))
    parts = zip(mixture.weights, mixture.means, mixture.roots, strict=True)
    theirs = sum(float(w) * multivariate_normal(mean, root @ root.T).pdf(z) for w, mean, root in parts)
    np.testing.assert_allclose(mixture.density(vae).log_prob(z), np.log(theirs), rtol=1e-3)
    kernels = fitted.fit(sampler("aggregate_posterior"), vae, codes, 0)
    pairs = zip(kernels.centres, kernels.deviations, strict=True)
    each = [multivariate_normal(centre, np.diag(deviation.square())).pdf(z) for centre, deviation in pairs]
    np.testing.assert_allclose(kernels.density(vae).log_prob(z), np.log(np.mean(each, 0)), rtol=1e-3)
    with pytest.raises(Missing, match="'vamp' has no density"):
        fitted.fit(sampler("vamp"), model("vae"), Encoded(model("vae"), DIGITS[:100], 0), 0).density(vae)


@pytest.mark.parametrize(("flavour", "name", "settings"), FITS)
@pytest.mark.parametrize("fault", ["not finite", "all the same"])
def test_codes_that_tell_nothing_are_a_missing_value(
    flavour: str, name: str, settings: dict[str, Any], fault: str
) -> None:
    vae = model(flavour)
    if name in ("prior", "hypersphere"):
        return  # nothing is fitted
    draws = torch.full((20, vae.width), 0.5)
    if fault == "not finite":
        draws[3, 0] = torch.nan
    codes = known(vae, draws=draws, log_std=torch.zeros_like(draws), index=torch.zeros_like(draws).long())
    with pytest.raises(Missing, match=f"codes of the training images are {fault}"):
        fitted.fit(sampler(name, **settings), vae, codes, 0)


@pytest.mark.parametrize(("flavour", "name", "settings"), FITS)
def test_two_training_images_are_enough_or_a_missing_value(flavour: str, name: str, settings: dict[str, Any]) -> None:
    vae = model(flavour)
    try:
        images = fitted.draw(fitted.fit(sampler(name, **settings), vae, Encoded(vae, DIGITS[:2], 0), 0), vae, 5, 0)
    except Missing:
        return
    assert images.shape == (5, *IMAGE) and images.isfinite().all()


def test_latents_that_are_not_finite_are_a_missing_value() -> None:
    vae = model("vae")
    with torch.no_grad():
        vae.encoder.network[-1].bias[2:] = 1e4
    fit = fitted.fit(sampler("aggregate_posterior"), vae, Encoded(vae, DIGITS[:50], 0), 0)
    with pytest.raises(Missing, match="latents that are drawn are not finite"):
        fitted.draw(fit, vae, 5, 0)


@pytest.mark.parametrize("flavour", catalogue.names("flavours"))
def test_a_sampler_gives_latents_of_the_model_or_says_why_not(flavour: str) -> None:
    vae = model(flavour)
    codes = Encoded(vae, DIGITS[:100], 0)
    given = {}
    for name in catalogue.names("samplers"):
        try:
            fit = fitted.fit(sampler(name, **QUICK.get(name, {})), vae, codes, 0)
        except Missing as reason:
            assert f"sampler '{name}' does not apply: it" in str(reason) or "codes" in str(reason), name
            continue
        with torch.no_grad(), random.stream(torch.tensor(0)):
            given[name] = fit.sample(vae, 40)
    space = getattr(vae.encoder(DIGITS[:1]), "space", "euclidean")
    own = {"sphere": {"hypersphere", "von_mises_fisher"}, "ball": {"poincare"}}
    euclidean = {"aggregate_posterior", "flow", "gaussian_mixture", "two_stage"}
    if flavour == "copy":
        assert not given
    elif flavour != "mean":
        assert set(given) >= own.get(space, euclidean if space == "euclidean" else set())
    assert ("prior" in given) == (vae.prior is not None)
    for name, z in given.items():
        assert z.shape == (40, vae.width) and z.isfinite().all(), name
        if space == "sphere":
            torch.testing.assert_close(z.norm(dim=-1).double(), torch.ones(40).double())
        if space == "ball":
            assert z.norm(dim=-1).max() * vae.encoder(DIGITS[:1]).ball.root < 1
        if name == "autoregressive":
            entries = {tuple(entry) for entry in vae.prior(vae.encoder).codebook.tolist()}  # type: ignore[misc]
            size = len(next(iter(entries)))
            assert {tuple(entry) for entry in z.reshape(-1, size).tolist()} <= entries


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_kept_sampler_is_fitted_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    vae, path, choice = model("vae"), tmp_path / "samplers/mixture.safetensors", sampler("gaussian_mixture")

    def draw() -> Tensor:
        codes = Encoded(vae, DIGITS[:200], 0)
        return fitted.draw(fitted.kept(tmp_path, "a", "mixture", choice, vae, lambda: codes, 0), vae, 30, 0)

    images = draw()
    whole = path.read_bytes()
    match damage:
        case "flipped":
            path.write_bytes(whole[:-3] + bytes([whole[-3] ^ 64]) + whole[-2:])  # of a value: the file can be read
        case "cut":
            path.write_bytes(whole[:-1])
        case "empty":
            path.write_bytes(b"")
    assert torch.equal(images, draw()) and path.read_bytes() == whole
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{path}: cannot be read as a fitted sampler (") and line.endswith(": it is fitted again")
    assert torch.equal(images, draw()) and capsys.readouterr().err == ""
