"""What distances say of classes and of true factors, on models whose codes are chosen."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier
from test_survey import SHAPE, Known, Values, normals, standard, survey_of, surveyed
from torch import Tensor

from vaebench.data.dataset import Split
from vaebench.data.shapes import FACTORS
from vaebench.evaluation.survey import NEIGHBOURHOODS, PAIRS, present
from vaebench.evaluation.survey.factors import distance
from vaebench.evaluation.survey.survey import Survey
from vaebench.model.distributions.delta import Delta
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.distributions.von_mises_fisher import UniformSphere, VonMisesFisher
from vaebench.model.vae import VAE
from vaebench.study import catalogue
from vaebench.study.config import Geometry

NAMES = ("partial_class_correlation", "factor_correlation", "partial_factor_correlation")
SETTINGS = Geometry(points=5, pairs=40)
NOTHING = "the order of the distances of pixels leaves nothing to correlate"


def values(survey: Survey, names: tuple[str, ...] = NAMES) -> Values:
    metrics = [catalogue.load("metrics", name) for name in names]
    return {
        (row.name, part): (row.value, row.reason)
        for metric in metrics
        for part in present(metric.over, survey.settings.metrics)
        for row in metric.rows(survey.parts[part])
    }


def drawn(count: int = 120) -> Tensor:
    """Factors of random shapes, (count, factors)."""
    stream = torch.Generator().manual_seed(5)
    return torch.stack([torch.randint(size, (count,), generator=stream) for size in FACTORS.values()], 1)


def of_codes(codes: Tensor, images: Tensor | None = None, labels: Tensor | None = None, **options) -> Survey:
    """A survey whose test images, noise if not given, have the codes (images, latent)."""
    count = len(codes)
    images = normals(count, *SHAPE, seed=1) if images is None else images
    labels = torch.arange(count) % 3 if labels is None else labels
    encoder = Known(lambda x: Gaussian(codes[: len(x)], torch.zeros(codes[: len(x)].shape)))
    decoder = Known(lambda z: Delta(F.pad(0.1 * z, (0, 12 - codes.shape[1])).unflatten(-1, SHAPE), event_dims=3))
    prior = standard(codes.shape[1])
    model = VAE(encoder=encoder, prior=Known(lambda encoder: prior), decoder=decoder, posterior=None)
    train = Split((images.sigmoid() * 255).to(torch.uint8), labels)
    return survey_of(model, images, labels, train, SETTINGS, **options)


def residuals(of: np.ndarray, given: np.ndarray) -> np.ndarray:
    """What a straight line through the ranks of what is given leaves of ranks, (pairs,)."""
    of, given = stats.rankdata(of), stats.rankdata(given)
    return of - np.polyval(np.polyfit(given, of, 1), given)


def test_partial_correlations_are_those_of_residuals_of_ranks() -> None:
    factors = drawn()
    codes = torch.cat((normals(120, 1, seed=2), factors[:, 3:4] / 4), 1)
    survey = of_codes(codes, labels=factors[:, 0], factors=factors)
    found, pixel = values(survey), survey.parts["pixel pairs"].values.numpy()
    first, second = survey.pairs
    truths = {
        "partial_class_correlation": (factors[first, 0] != factors[second, 0]).numpy(),
        "partial_factor_correlation": distance(factors[first], factors[second]).numpy(),
    }
    for kind in ("latent", "mahalanobis", "ends", "line", "geodesic", "shuffled"):
        given = survey.parts[f"{kind} pairs"].values.numpy()
        for name, truth in truths.items():
            expected, _ = stats.pearsonr(residuals(given, pixel), residuals(truth, pixel))
            assert found[name, f"{kind} pairs"] == (pytest.approx(expected, abs=1e-9), "")
        plain = stats.spearmanr(given, truths["partial_factor_correlation"]).statistic
        assert found["factor_correlation", f"{kind} pairs"] == (pytest.approx(plain), "")
    known = torch.arange(40) % 5 != 0
    survey.parts["line pairs"].values[~known] = torch.nan
    there, truth = survey.parts["line pairs"].values[known], truths["partial_factor_correlation"][known.numpy()]
    expected = stats.spearmanr(there, truth).statistic
    assert values(survey)["factor_correlation", "line pairs"] == (pytest.approx(expected), "")
    for name in truths:
        assert found[name, "pixel pairs"] == (None, "it is the distance of pixels itself")
    assert found["factor_correlation", "pixel pairs"][0] is not None


def test_distances_that_pixels_determine_tell_nothing_more() -> None:
    images = normals(120, *SHAPE, seed=1) * torch.tensor([1.0, 1, 1, 0]) * (torch.arange(12).reshape(SHAPE) < 3)
    codes = images.flatten(1)[:, :3]
    found = values(of_codes(codes, images, factors=drawn()))
    assert found["partial_class_correlation", "latent pairs"] == (None, NOTHING)
    assert found["partial_factor_correlation", "ends pairs"] == (None, NOTHING)
    nearly = of_codes(codes + 0.05 * normals(120, 3, seed=4), images, factors=drawn())
    known, _ = stats.spearmanr(nearly.parts["latent pairs"].values, nearly.parts["pixel pairs"].values)
    assert 0.99 < known < 1
    assert abs(values(nearly)["partial_class_correlation", "latent pairs"][0] or 1) < 2.6 / math.sqrt(40)


def test_codes_that_are_the_class_tell_all_that_pixels_do_not() -> None:
    labels = torch.arange(120) % 2
    survey = of_codes(torch.stack((labels, labels), 1) + 1e-6 * normals(120, 2), labels=labels)
    apart = ~survey.parts["latent pairs"].alike
    assert survey.parts["latent pairs"].values[apart].min() > 1 > survey.parts["latent pairs"].values[~apart].max()
    found = values(survey)["partial_class_correlation", "latent pairs"][0]
    assert found is not None and found > 0.8  # not 1: distances within a class are ranked too
    survey.parts["latent pairs"].values = apart.double()
    assert values(survey)["partial_class_correlation", "latent pairs"][0] == pytest.approx(1)


def test_factor_distance_knows_kinds_of_factors() -> None:
    first = torch.tensor([[0, 0, 0, 0, 0], [0, 1, 7, 3, 3], [2, 4, 1, 12, 0], [1, 2, 0, 6, 6]])
    second = torch.tensor([[2, 4, 4, 12, 12], [0, 1, 0, 3, 3], [1, 4, 7, 12, 3], [1, 2, 5, 6, 6]])
    expected = [5**0.5, 1 / 4, (1 + 1 / 4 + 1 / 16) ** 0.5, 3 / 4]
    torch.testing.assert_close(distance(first, second), torch.tensor(expected, dtype=torch.float64))
    assert torch.equal(distance(first, second), distance(second, first)) and not distance(first, first).any()


def test_codes_that_are_the_factors_are_as_far_apart() -> None:
    factors = drawn()
    shape, scale, _, x, y = factors.T
    corners = torch.eye(3)[shape] / 2**0.5
    codes = torch.cat((corners, torch.stack((scale / 4, x / 12, y / 12), 1)), 1)
    still = factors.clone()
    still[:, 2] = 3
    found = values(of_codes(10 * codes, factors=still))
    assert found["factor_correlation", "latent pairs"][0] == pytest.approx(1, abs=1e-3)
    assert found["factor_correlation", "ends pairs"][0] == pytest.approx(1, abs=1e-3)
    assert abs(found["factor_correlation", "shuffled pairs"][0] or 1) < 0.5
    partial = found["partial_factor_correlation", "latent pairs"][0]
    assert partial == pytest.approx(1, abs=1e-3)


def test_what_has_no_truth_says_why() -> None:
    codes = normals(120, 2, seed=2)
    one = of_codes(codes, labels=torch.zeros(120, dtype=torch.int64), factors=torch.zeros(120, 5, dtype=torch.int64))
    cases = (
        (of_codes(codes), "factor_correlation", "the data have no factors"),
        (
            of_codes(codes, factors=drawn()[:, :2]),
            "factor_correlation",
            "which of its factors are categorical or cyclic is not known",
        ),
        (one, "factor_correlation", "all pairs are equally far apart"),
        (one, "partial_class_correlation", "there are no pairs both of one class and of two"),
        (of_codes(codes[:7]), "partial_class_correlation", "3 pairs have a distance: 4 are needed"),
    )
    for survey, name, reason in cases:
        for kind in ("latent", "line"):
            assert values(survey)[name, f"{kind} pairs"] == (None, reason)
    assert {part for _, part in values(one)} == {*present(PAIRS, ["euclidean"])}


def test_neighbours_by_every_distance_are_those_of_scikit_learn() -> None:
    codes = normals(120, 2, seed=2) * torch.tensor([5.0, 1.0])
    images = (normals(120, *SHAPE, seed=1) > 0.5).float()
    survey = of_codes(codes, images, labels=(codes[:, 1] + 0.3 * normals(120, seed=3) > 0).long())
    found, labels = values(survey, ("neighbour_accuracy",)), survey.labels.numpy()
    points = {
        "pixel": images.flatten(1),
        "latent": codes,
        "mahalanobis": codes @ torch.linalg.inv(torch.linalg.cholesky(codes.T.cov())).mT,
        "ends": 0.1 * codes,
    }
    for name, chosen in points.items():
        distances = survey.parts[name].distances
        np.testing.assert_allclose(distances, pairwise_distances(chosen.double()), atol=1e-5)
        nearest = distances + np.diag(np.full(120, np.inf))
        votes = [np.bincount(labels[row]).argmax() for row in nearest.argsort(1, kind="stable")[:, :5]]
        assert found["neighbour_accuracy", name] == (pytest.approx(100 * np.mean(votes == labels)), "")
        if name != "pixel":  # of black and white images many are equally near
            near = KNeighborsClassifier(5).fit(chosen, labels).kneighbors(return_distance=False)
            assert [np.bincount(row).argmax() for row in labels[near]] == votes
    assert found["neighbour_accuracy", "mahalanobis"][0] > found["neighbour_accuracy", "latent"][0]
    assert {part for _, part in found} == {*NEIGHBOURHOODS}
    # Squared distances of black and white images are whole numbers: ties are ties.
    squared = np.square(survey.parts["pixel"].distances)
    assert len(np.unique(survey.parts["pixel"].distances)) == len(np.unique(np.rint(squared)))


def test_a_sphere_has_no_covariance() -> None:
    def posterior(x: Tensor) -> VonMisesFisher:
        return VonMisesFisher(F.normalize(x[:, :3], dim=-1), torch.full((len(x),), 9.0))

    survey = surveyed(posterior, UniformSphere(torch.zeros(3)), lambda z: F.pad(0.5 * z + 0.5, (0, 9)))
    found = values(survey, ("neighbour_accuracy",))
    reason = "its latents are no vectors, that they had a covariance"
    assert found["neighbour_accuracy", "mahalanobis"] == (None, reason)
    assert found["neighbour_accuracy", "ends"] == found["neighbour_accuracy", "latent"]  # chords are ordered as arcs
