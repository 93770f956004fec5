"""The survey of latent geometry, on models whose geometry is known and on trained ones."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import vaebench
from vaebench.data.binarisation import scaled
from vaebench.data.dataset import Data, Split
from vaebench.errors import Missing
from vaebench.evaluation.metric import Row
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.survey import DISTANCES, NEIGHBOURHOODS, PLACES, present
from vaebench.evaluation.survey.pairs import pairs
from vaebench.evaluation.survey.pictures import pictures
from vaebench.evaluation.survey.survey import Survey
from vaebench.geometry import curvature
from vaebench.geometry.manifolds import Euclidean, Hyperbolic, Sphere
from vaebench.geometry.metrics import Pullback
from vaebench.model.distributions.codes import Code
from vaebench.model.distributions.delta import Delta
from vaebench.model.distributions.gaussian import Gaussian
from vaebench.model.distributions.hyperbolic import Wrapped
from vaebench.model.distributions.von_mises_fisher import UniformSphere, VonMisesFisher
from vaebench.model.spaces.poincare import Ball
from vaebench.model.vae import VAE
from vaebench.samplers.encoded import Encoded
from vaebench.study import catalogue
from vaebench.study.config import Geometry
from vaebench.study.views import metrics as of_views

Values = dict[tuple[str, str], tuple[float | None, str]]
SETTINGS = Geometry(points=40, pairs=12)
SHAPE = (1, 3, 4)


class Known(nn.Module):
    """A part that is a function."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, value):
        return self.function(value)


def normals(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def surveyed(posterior, prior, decode, settings: Geometry = SETTINGS, count: int = 120, **options) -> Survey:
    """Images are noise; ``posterior`` maps them, flat, to a distribution, ``decode`` latents to flat pixels."""
    images = normals(count, *SHAPE, seed=1)
    encoder = Known(lambda x: posterior(x.flatten(1)))
    decoder = Known(lambda z: Delta(decode(z).unflatten(-1, SHAPE), event_dims=3))
    model = VAE(encoder=encoder, prior=prior and Known(lambda encoder: prior), decoder=decoder, posterior=None)
    labels = torch.arange(count) % 3
    train = Split((images.sigmoid() * 255).to(torch.uint8), labels)
    return survey_of(model, images, labels, train, settings, **options)


def survey_of(
    model: VAE, images: Tensor, labels: Tensor, train: Split, settings: Geometry, seed: int = 0, **options
) -> Survey:
    subject = Subject(model, images, images, seed, importance_samples=1, importance_images=1)
    test = Split(images, labels, options.pop("factors", None))
    return Survey(subject, test, train, Encoded(model, scaled(train.images), seed), settings, **options)


@torch.no_grad()
def values(survey: Survey) -> Values:
    """Value and reason of every geometry metric over each of its parts."""
    metrics = [catalogue.load("metrics", name) for name in of_views(["survey"], "default")["survey"]]
    return {
        (row.name, part): (row.value, row.reason)
        for metric in metrics
        for part in present(metric.over, survey.settings.metrics)
        for row in metric.rows(survey.parts[part])
    }


def distances(survey: Survey) -> pd.DataFrame:
    """Of every pair: one row, a column of each kind."""
    return pd.DataFrame(survey.distances()).pivot(index="pair", columns="distance", values="value")


def standard(latent: int) -> Gaussian:
    return Gaussian(torch.zeros(latent), torch.zeros(latent))


@pytest.fixture(scope="module")
def digits() -> Data:
    return vaebench.dataset("digits")


def test_pairs_are_disjoint_and_in_turn_of_one_class_and_of_two() -> None:
    labels = torch.arange(90) % 10
    first, second = pairs(labels, 40)
    assert len({*first.tolist(), *second.tolist()}) == 80
    assert ((labels[first] == labels[second]) == (torch.arange(40) % 2 == 0)).all()
    again = pairs(labels, 20)
    assert torch.equal(again[0], first[:20]) and torch.equal(again[1], second[:20])


def test_pairs_of_a_single_class_and_of_few_images() -> None:
    for images, there_are in ((2, 1), (3, 1), (5, 2), (15, 7)):
        first, second = pairs(torch.zeros(images, dtype=torch.int64), 60)
        assert len(first) == there_are and len({*first.tolist(), *second.tolist()}) == 2 * there_are
    with pytest.raises(Missing, match="pairs need two test images"):
        pairs(torch.zeros(1, dtype=torch.int64), 3)


def test_a_rare_class_is_in_as_many_pairs_as_it_has_images() -> None:
    labels = torch.tensor([0] * 20 + [1] * 2)
    first, second = pairs(labels, 100)
    apart = labels[first] != labels[second]
    assert len(first) == 11 and apart.tolist() == [False, True, False, True, *[False] * 7]


def test_a_survey_of_few_images_counts_the_pairs_that_exist() -> None:
    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :2], torch.zeros(len(x), 2))

    survey = surveyed(posterior, standard(2), lambda z: F.pad(0.1 * z, (0, 10)), count=4)
    found = values(survey)
    assert found["trusted_geodesics", "geodesic"] == (100.0, "")
    assert distances(survey).shape == (2, 8)
    for place in ("test", "prior"):
        assert len(survey.parts[place].y) == 4
    assert len(survey.parts["midpoint"].y) == 2


def test_pairs_of_one_code_are_at_no_distance_and_the_others_are_measured() -> None:
    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :2].sign(), torch.zeros(len(x), 2))

    survey = surveyed(posterior, standard(2), lambda z: F.pad(0.1 * z, (0, 10)), Geometry(points=5, pairs=40))
    a, b = survey.ends
    same = (a == b).all(-1).numpy()
    assert 3 < same.sum() < 37
    table = pd.DataFrame(survey.distances()).set_index(["distance", "pair"])
    assert table["value"].notna().groupby("distance").all().drop("untrained").all()
    for kind in ("latent", "line", "geodesic"):
        assert (table.loc[kind]["value"].to_numpy() == 0).tolist() == same.tolist()
    assert values(survey)["trusted_geodesics", "geodesic"][0] == pytest.approx(100 * (~same).mean())


def test_curves_whose_pixels_saturate_have_a_length() -> None:
    """Pixels of 1 - 2e-9 are 1 in float32, where nothing would move."""

    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :2], torch.zeros(len(x), 2))

    survey = surveyed(posterior, standard(2), lambda z: F.pad(20 + z, (0, 10), value=-20).sigmoid(), Geometry(pairs=9))
    a, b = (end.double() for end in survey.ends)
    assert torch.equal((20 + survey.codes).sigmoid(), torch.ones_like(survey.codes))
    expected = ((20 + a).sigmoid() - (20 + b).sigmoid()).norm(dim=-1)
    assert (survey.first.geodesics.line_length >= 0.999 * expected).all() and expected.min() > 1e-12
    torch.testing.assert_close(survey.first.geodesics.length, expected, rtol=0.02, atol=0)


def test_distances_are_held_against_baselines() -> None:
    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :2] * torch.tensor([5.0, 1.0]), torch.zeros(len(x), 2))

    survey = surveyed(posterior, standard(2), lambda z: F.pad(0.1 * z.sin(), (0, 10)), Geometry(pairs=30))
    kinds = present(DISTANCES, ["euclidean"])
    found = {kind: survey.parts[f"{kind} pairs"].values for kind in kinds if kind != "untrained"}
    (a, b), (first, second) = (end.double() for end in survey.ends), survey.pairs
    images = survey.observed.flatten(1).double()
    covariance = survey.codes.double().T.cov()
    expected = {
        "pixel": (images[first] - images[second]).norm(dim=-1),
        "latent": (a - b).norm(dim=-1),
        "mahalanobis": (((a - b) @ covariance.inverse()) * (a - b)).sum(-1).sqrt(),
        "ends": 0.1 * (a.sin() - b.sin()).norm(dim=-1),
    }
    for kind, values in expected.items():
        torch.testing.assert_close(found[kind], values, rtol=1e-5, atol=1e-6, msg=kind)
    assert (found["line"] > 0.999 * found["ends"]).all()
    assert abs(np.corrcoef(found["shuffled"], found["latent"])[0, 1]) < 0.5
    table = pd.DataFrame(survey.distances())
    assert table["distance"].unique().tolist() == kinds and len(table) == 8 * 30
    assert table.loc[table["distance"] == "untrained", "reason"].str.startswith("the model has no recipe").all()


def test_class_separation_is_the_share_of_pairs_in_order() -> None:
    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :2], torch.zeros(len(x), 2))

    survey = surveyed(posterior, standard(2), lambda z: F.pad(0.1 * z, (0, 10)), Geometry(pairs=30))
    distance, alike = survey.parts["latent pairs"].values, survey.parts["latent pairs"].alike
    above = distance[~alike][:, None] > distance[alike]
    found = values(survey)["class_separation", "latent pairs"]
    assert found == (pytest.approx(100 * above.double().mean().item()), "")


def test_active_directions_of_rotated_codes() -> None:
    turn = torch.linalg.qr(normals(4, 4).double()).Q
    codes = normals(5000, 4, seed=2).double() * torch.tensor([2.0, 0.5, 0.05, 0.01]) @ turn
    for unit, dimension in ((True, 2), (False, 2)):
        space = Euclidean.of(codes, unit)
        assert space.dimension == dimension
        y = space.coordinates(codes)
        torch.testing.assert_close(y.T.cov(), torch.eye(2).double(), rtol=0, atol=1e-9)
        torch.testing.assert_close(space.coordinates(space.latents(y)), y)
    assert Euclidean.of(0.01 * codes, unit=False).dimension == 2
    with pytest.raises(Missing, match="no latent direction is active"):
        Euclidean.of(0.01 * codes, unit=True)


def test_pictures_are_in_standard_deviations_and_have_what_each_metric_has() -> None:
    """Codes of standard deviations 5 and 1, whose images are their coordinates: a standard deviation is magnified."""

    def posterior(x: Tensor) -> Delta:
        return Delta(x[:, :2] * torch.tensor([5.0, 1.0]))

    settings = Geometry(points=20, pairs=12, metrics=["euclidean", "ensemble", "density"])
    survey = surveyed(posterior, None, lambda z: F.pad(0.01 * z, (0, 10)), settings)
    shown = pictures(survey)
    np.testing.assert_allclose(np.cov(shown["plane_codes"].T), np.eye(2), atol=1e-4)
    expected = 0.5 * survey.codes.T.double().cov().logdet().item() + 2 * math.log(0.01)
    np.testing.assert_allclose(shown["plane_log_magnification"], expected, rtol=1e-5)
    a, b = (survey.manifold.coordinates(end.double())[:10] for end in survey.ends)
    np.testing.assert_allclose(shown["plane_lines"][:, [0, -1]], torch.stack([a, b], 1), atol=1e-9)
    np.testing.assert_allclose(shown["geodesic_ratios"], 1, rtol=1e-4)
    assert "ensemble_images" not in shown and "cannot be trained" in str(shown["ensemble_reason"])
    assert shown["density_images"].shape == (2, 9, *SHAPE)
    apart = survey.labels[survey.pairs[0]] != survey.labels[survey.pairs[1]]
    trusted = survey.paths["density"].geodesics.trusted[apart][:2]
    assert np.isfinite(shown["density_ratios"]).tolist() == trusted.tolist()


def test_codes_along_a_line_have_no_plane() -> None:
    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :2] * torch.tensor([1.0, 0.01]), torch.zeros(len(x), 2))

    shown = pictures(surveyed(posterior, standard(2), lambda z: F.pad(0.1 * z, (0, 10))))
    assert not [name for name in shown if name.startswith("plane")] and "geodesic_images" in shown


@pytest.mark.parametrize("latent", [2, 3, 5])
def test_frames_are_orthonormal_and_lines_are_geodesics(latent: int) -> None:
    sphere, ball = Sphere(latent), Hyperbolic(Ball(0.7), latent)
    unit = torch.eye(latent).double()
    y = F.normalize(normals(9, latent + 1).double(), dim=-1)
    frame = sphere.frame(y)
    torch.testing.assert_close(frame.mT @ frame, unit.expand(9, -1, -1))
    torch.testing.assert_close((frame.mT @ y[..., None]).abs().max(), torch.tensor(0.0).double(), rtol=0, atol=1e-12)

    z = ball.ball.exp(torch.zeros(9, latent).double(), normals(9, latent, seed=3).double())
    y = ball.coordinates(z)
    torch.testing.assert_close(ball.latents(y), z)
    conformal = 2 / (1 - 0.7 * z.square().sum(-1))
    tangents = conformal[:, None, None] * torch.func.vmap(torch.func.jacfwd(ball.latents))(y) @ ball.frame(y)
    torch.testing.assert_close(tangents.mT @ tangents, unit.expand(9, -1, -1))

    times = torch.linspace(0, 1, 4001).double()[:, None]
    for space, a, b in ((ball, z[0], z[1]), (sphere, *F.normalize(normals(2, latent + 1, seed=4).double(), dim=-1))):
        points = space.latents(torch.lerp(space.coordinates(a), space.coordinates(b), times))
        length = space.distance(points[1:], points[:-1]).sum()
        torch.testing.assert_close(length, space.distance(a, b), rtol=1e-6, atol=0)


@pytest.mark.parametrize("latent", [2, 4])
def test_a_sphere_of_too_many_coordinates_has_its_curvature(latent: int) -> None:
    sphere = Sphere(latent)
    y = F.normalize(normals(6, latent + 1).double(), dim=-1)
    immersion = Pullback(lambda y: torch.cat((3 * sphere.latents(y), sphere.radial(y)), -1))
    expected = torch.full((6,), latent * (latent - 1) / 9).double()
    torch.testing.assert_close(curvature.scalar(immersion, y), expected)


def test_an_affine_decoder_is_flat() -> None:
    latent, pixels = 3, 12
    weight = normals(latent, pixels)
    scales = torch.tensor([2.0, 1.0, 0.5])

    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(scales * x[:, :latent], torch.full((len(x), latent), -3.0))

    survey = surveyed(posterior, standard(latent), lambda z: 0.1 * z @ weight.to(z) + 0.5)
    found = values(survey)
    s = torch.linalg.svdvals(0.1 * torch.linalg.cholesky(survey.codes.T.double().cov()).T @ weight.double())
    assert found["active_directions", ""] == (3.0, "")
    assert found["trusted_geodesics", "geodesic"] == (100.0, "")
    for place in PLACES:
        assert found["log_magnification", place][0] == pytest.approx(float(s.log().sum()), rel=1e-5)
        assert found["log_condition", place][0] == pytest.approx(float((s[0] / s[-1]).log10()), rel=1e-5)
        shares = s.square() / s.square().sum()
        assert found["effective_rank", place][0] == pytest.approx(float(torch.special.entr(shares).sum().exp()))
        assert found["flatness", place][0] == pytest.approx(float((3 * shares - 1).square().mean()), rel=1e-5)
        assert found["scalar_curvature", place][0] == pytest.approx(0, abs=1e-9)
        assert found["sectional_curvature", place][0] == pytest.approx(0, abs=1e-9)
    assert found["length_ratio", ""][0] == pytest.approx(1, abs=1e-5)
    for path in ("line", "geodesic"):
        assert found["speed_variation", path][0] == pytest.approx(0, abs=1e-4)
    between = distances(survey)
    a, b = survey.ends
    np.testing.assert_allclose(between["latent"], (a - b).norm(dim=-1), rtol=1e-6)
    np.testing.assert_allclose(between["line"], (0.1 * (a - b) @ weight).norm(dim=-1), rtol=1e-4)
    np.testing.assert_allclose(between["geodesic"], between["line"], rtol=1e-4)


def test_flatness_of_an_isometry_is_zero_and_its_path_does_not_turn() -> None:
    def posterior(x: Tensor) -> Delta:
        x = x[:, :2] - x[:, :2].mean(0)
        return Delta(x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).mT if len(x) > 1 else x)

    found = values(surveyed(posterior, None, lambda z: F.pad(0.1 * z + 0.5, (0, 10))))
    for place in ("test", "midpoint"):
        assert found["flatness", place][0] == pytest.approx(0, abs=1e-9)
        assert found["log_magnification", place][0] == pytest.approx(2 * math.log(0.1), abs=1e-5)
    assert found["log_magnification", "prior"] == (None, "it has no prior")
    assert found["turning", "line"][0] == pytest.approx(0, abs=0.05)


def test_a_sphere_that_is_decoded_as_itself() -> None:
    def posterior(x: Tensor) -> VonMisesFisher:
        return VonMisesFisher(F.normalize(x[:, :3], dim=-1), torch.full((len(x),), 9.0))

    survey = surveyed(posterior, UniformSphere(torch.zeros(3)), lambda z: F.pad(0.5 * z + 0.5, (0, 9)))
    found = values(survey)
    assert found["active_directions", ""][0] == 2
    for place in PLACES:
        assert found["log_magnification", place][0] == pytest.approx(2 * math.log(0.5), abs=1e-6)
        assert found["scalar_curvature", place][0] == pytest.approx(2, rel=1e-5)
        assert found["sectional_curvature", place][0] == pytest.approx(1, rel=1e-5)
        assert found["flatness", place][0] == pytest.approx(0, abs=1e-9)
    assert found["length_ratio", ""][0] == pytest.approx(1, abs=2e-3)
    between = distances(survey)
    np.testing.assert_allclose(between["geodesic"], 0.5 * between["latent"], rtol=1e-3)
    shown = pictures(survey)
    ring = np.stack([np.cos(shown["plane_codes"][:, 0]), np.sin(shown["plane_codes"][:, 0])], -1)
    plane = ring * np.cos(shown["plane_codes"][:, 1:])
    np.testing.assert_allclose(plane, survey.codes[:, :2], atol=1e-5)
    np.testing.assert_allclose(shown["plane_curvature"], 1, rtol=1e-4)
    np.testing.assert_allclose(shown["plane_log_magnification"], 2 * math.log(0.5), atol=1e-5)


def test_a_ball_that_is_decoded_as_its_coordinates() -> None:
    ball = Ball(0.7)

    def posterior(x: Tensor) -> Wrapped:
        return Wrapped(ball, ball.from_centre(x[:, :2]), torch.zeros(len(x), 1))

    prior = Wrapped(ball, torch.zeros(2), torch.zeros(1))
    survey = surveyed(posterior, prior, lambda z: F.pad(z, (0, 10)))
    found = values(survey)
    for place in PLACES:
        z = survey.manifold.latents(survey.parts[place].y)
        expected = (2 * (0.5 * (1 - 0.7 * z.square().sum(-1))).log()).median()
        assert found["log_magnification", place][0] == pytest.approx(float(expected), abs=1e-6)
        assert found["log_condition", place][0] == pytest.approx(0, abs=1e-6)
        assert found["scalar_curvature", place][0] == pytest.approx(0, abs=1e-6)
    between = distances(survey)
    a, b = survey.ends
    np.testing.assert_allclose(between["latent"], ball.distance(a, b), rtol=1e-6)
    np.testing.assert_allclose(between["geodesic"], (a - b).norm(dim=-1), rtol=2e-3)
    assert (between["line"] >= between["geodesic"] * (1 - 1e-4)).all()
    ratio = float((between["geodesic"] / between["line"]).mean())
    assert found["length_ratio", ""][0] == pytest.approx(ratio) and ratio < 0.99
    turn = F.cosine_similarity(ball.log(a, b), -ball.log(b, a), dim=-1).acos().mean()  # a hyperbolic line is an arc
    assert found["turning", "line"][0] == pytest.approx(float(turn), rel=0.05)
    assert found["turning", "geodesic"][0] < 0.2 * turn
    shown = pictures(survey)
    outside = np.hypot(*np.meshgrid(shown["plane_x"], shown["plane_y"])) >= 1 / math.sqrt(0.7)
    assert (np.isnan(shown["plane_log_magnification"]) == outside).all()


def test_codes_have_a_metric_but_nothing_between_them() -> None:
    def posterior(x: Tensor) -> Code:
        code = x[:, :2].round()
        return Code(x[:, :2], code, code.long(), 1)

    survey = surveyed(posterior, standard(2), lambda z: 0.1 * z.repeat_interleave(6, -1) + 0.3)
    found = values(survey)
    assert found["log_condition", "test"][0] is not None
    for name, part in (("log_condition", "prior"), ("length_ratio", ""), ("neighbour_accuracy", "graph")):
        assert found[name, part] == (None, "its latents are discrete codes, with nothing between them")
    assert found["neighbour_accuracy", "latent"][0] is not None
    table = pd.DataFrame(survey.distances())
    curves = table["distance"].isin(["untrained", "line", "geodesic"])
    assert table[~curves]["value"].notna().all() and table[curves]["value"].isna().all()
    assert set(table[curves]["reason"]) == {found["length_ratio", ""][1]}
    assert str(pictures(survey)["curve_reason"]) == found["length_ratio", ""][1]


def test_what_has_no_geometry_says_why() -> None:
    def collapsed(x: Tensor) -> Gaussian:
        return Gaussian(0.01 * x[:, :2], torch.zeros(len(x), 2))

    def pixels(x: Tensor) -> Delta:
        return Delta(x)

    collapse = "no latent direction is active: all images have nearly the same code"
    lost = "the run diverged in its first epoch"
    cases = (
        (surveyed(collapsed, standard(2), lambda z: z.repeat_interleave(6, -1)), collapse),
        (surveyed(pixels, None, lambda z: z), "its latents are the pixels themselves"),
        (surveyed(collapsed, standard(2), lambda z: z, lost=lost), lost),
    )
    for survey, reason in cases:
        images = {"pixel pairs", "ends pairs", "pixel", "ends"}
        there = images if reason == collapse else set()
        found = {what: pair for what, pair in values(survey).items() if what[1] not in there}
        assert {value for value, _ in found.values()} == {None}
        assert {why for (name, _), (_, why) in found.items() if name != "learned_agreement"} == {reason}
        assert str(pictures(survey)["reason"]) == reason
        pairwise = pd.DataFrame(survey.distances())
        pairwise = pairwise[~(pairwise["distance"] + " pairs").isin(there)]
        assert pairwise["value"].isna().all() and set(pairwise["reason"]) == {reason}


def test_a_constant_decoder_is_singular() -> None:
    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :2], torch.zeros(len(x), 2))

    found = values(surveyed(posterior, standard(2), lambda z: (0 * z).repeat_interleave(6, -1) + 0.5))
    for name in ("log_magnification", "log_condition", "effective_rank", "flatness", "scalar_curvature"):
        assert found[name, "test"] == (None, "the metric is singular at 40 of 40 points")
    assert found["length_ratio", ""] == (None, "all images between the two codes are the same, for every pair")
    assert all(value is None or math.isfinite(value) for value, _ in found.values())


def test_one_latent_has_no_curvature() -> None:
    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :1], torch.zeros(len(x), 1))

    found = values(surveyed(posterior, standard(1), lambda z: torch.cat([(z * k).sin() for k in range(12)], -1)))
    assert found["scalar_curvature", "test"] == (
        None,
        "curvature needs two active latent directions, and there is one",
    )
    assert found["log_condition", "test"][0] is None
    assert found["length_ratio", ""][0] == pytest.approx(1, abs=1e-3)


def test_neighbourhoods_of_an_isometry_agree_with_scikit_learn() -> None:
    from sklearn.metrics import pairwise_distances
    from sklearn.neighbors import KNeighborsClassifier

    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :2], torch.zeros(len(x), 2))

    survey = surveyed(posterior, standard(2), lambda z: F.pad(z, (0, 10)))
    latent, graph = (survey.parts[name].distances for name in ("latent", "graph"))
    np.testing.assert_allclose(latent, pairwise_distances(survey.codes), atol=1e-6)
    assert (graph >= latent - 1e-5).all()
    nearest = KNeighborsClassifier(5).fit(survey.codes, survey.labels).kneighbors(return_distance=False)
    votes = [np.bincount(row).argmax() for row in survey.labels.numpy()[nearest]]
    share = np.mean(votes == survey.labels.numpy())
    assert values(survey)["neighbour_accuracy", "latent"][0] == pytest.approx(100 * share)


def test_paths_are_held_against_the_nearest_training_image() -> None:
    def posterior(x: Tensor) -> Gaussian:
        return Gaussian(x[:, :1].sigmoid(), torch.zeros(len(x), 1))

    survey = surveyed(posterior, None, lambda z: z.expand(*z.shape[:-1], 12))
    black_and_white = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1).expand(2, *SHAPE)
    survey.train = Split(black_and_white, torch.tensor([0, 1]))
    found = values(survey)
    a, b = survey.ends
    grey = torch.lerp(a, b, torch.linspace(0, 1, 17))[:, 1:-1]
    distance, switches = torch.minimum(grey, 1 - grey).mean(), (grey > 0.5).diff(dim=1).sum(1).double().mean()
    for path in ("line", "geodesic"):
        assert found["data_distance", path][0] == pytest.approx(float(distance), abs=1e-3)
        assert found["class_switches", path][0] == pytest.approx(float(switches))
    assert 0 < switches < 1


def test_clusters_of_codes_by_class_are_the_classes() -> None:
    def posterior(x: Tensor) -> Gaussian:
        corner = torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])[torch.arange(len(x)) % 3]
        return Gaussian(corner + 0.1 * x[:, :2], torch.zeros(len(x), 2))

    survey = surveyed(posterior, standard(2), lambda z: F.pad(z, (0, 10)))
    found = values(survey)
    for kind in ("latent", "graph"):
        assert found["cluster_agreement", kind] == (1.0, "")
    for kind in {*NEIGHBOURHOODS} - {"pixel"}:
        assert found["neighbour_accuracy", kind] == (100.0, "")
    survey = surveyed(posterior, standard(2), lambda z: F.pad(z, (0, 10)))
    survey.labels = survey.labels[torch.randperm(len(survey.labels), generator=torch.Generator().manual_seed(0))]
    assert abs(values(survey)["cluster_agreement", "latent"][0] or 1) < 0.05


@pytest.fixture(scope="module", params=["vae", "ae", "svae", "poincare_vae", "rhvae"])
def trained(request: pytest.FixtureRequest, digits: Data) -> tuple[str, VAE]:
    settings = {"epochs": 8, "batch_size": 128, "learning_rate": 0.01, "network_settings": {"hidden": [32]}}
    return request.param, vaebench.train(request.param, digits, latent=2, **settings)


@pytest.mark.parametrize("metric", ["euclidean", "fisher_rao"])
def test_trained_flavours(digits: Data, trained: tuple[str, VAE], metric: str) -> None:
    name, model = trained
    settings = Geometry(metrics=[metric], points=20, pairs=6)
    test = digits.test

    def survey() -> Survey:
        return survey_of(model, scaled(test.images), test.labels, digits.train, settings, seed=3)

    again = survey()
    found = values(survey())
    assert found == values(again)
    assert (found["learned_agreement", "test"][0] is not None) == (name == "rhvae")
    assert 0 < found["length_ratio", ""][0] <= 1.0001
    assert found["speed_variation", "geodesic"][0] <= found["speed_variation", "line"][0] + 0.02
    missing = {reason for value, reason in found.values() if value is None}
    allowed = {"it has no learned metric", "the data have no factors", "it is the distance of pixels itself"}
    allowed |= {"it has no prior"} if name == "ae" else set()
    allowed |= {"its latents are no vectors, that they had a covariance"} if name in ("svae", "poincare_vae") else set()
    assert missing <= allowed
    shown = pictures(again)
    assert {"plane_log_magnification", "geodesic_images", "plane_curvature"} <= set(shown)
    ends = np.stack([scaled(test.images)[side].numpy() for side in again.pairs], 1)
    apart = np.diff(test.labels.numpy()[np.stack([*again.pairs], 1)])[:, 0] != 0
    np.testing.assert_array_equal(shown["end_images"], ends[apart][:2])
    starts = again.model.decoder(again.ends[0][torch.from_numpy(apart)][:2]).mean.detach().numpy()
    np.testing.assert_allclose(shown["line_images"][:, 0], starts, atol=1e-4)
    np.testing.assert_allclose(shown["geodesic_images"][:, 0], starts, atol=1e-4)
    if name in ("vae", "ae", "rhvae"):
        assert shown["plane_axes"].tolist() == ["direction 1", "direction 2"]
        assert shown["plane_x"][[0, -1]].tolist() == shown["plane_y"][[0, -1]].tolist() == [-3.5, 3.5]
        np.testing.assert_allclose(np.cov(shown["plane_codes"].T), np.eye(2), atol=0.2)


def test_further_metrics_have_geodesics_of_their_own(digits: Data, trained: tuple[str, VAE]) -> None:
    name, model = trained
    if name == "rhvae":
        pytest.skip("a Gaussian posterior like that of vae")
    settings = Geometry(metrics=["euclidean", "density", "expected", "ensemble"], points=5, pairs=10)
    test = digits.test

    def survey() -> Survey:
        return survey_of(model, scaled(test.images), test.labels, digits.train, settings)

    one, again = survey(), survey()
    table = pd.DataFrame(one.distances())
    assert table["distance"].unique().tolist() == present(DISTANCES, settings.metrics)
    pd.testing.assert_frame_equal(table, pd.DataFrame(again.distances()))
    curved = {"density", "expected"} if name in ("svae", "poincare_vae") else set()
    reasons = set(table[table["distance"].isin(curved)]["reason"])
    assert reasons == (
        {"its latents lie on a curved manifold or are discrete: a coordinate is no unit"} if curved else set()
    )
    for metric in {"density", "expected", "ensemble"} - curved:
        curves = one.parts[metric]
        ends = curves.points(2, curves.paths.trusted)
        expected = torch.stack([one.manifold.coordinates(end.double())[curves.paths.trusted] for end in one.ends], 1)
        torch.testing.assert_close(ends, expected)
        assert (curves.lengths <= 1.001 * curves.paths.geodesics.line_length[curves.paths.trusted]).all()
        assert len(curves.paths.trusted) > 5 and 0 < values_of(one, "data_distance", metric) < 1


def values_of(survey: Survey, metric: str, part: str) -> float:
    return float(catalogue.load("metrics", metric).measure(survey.parts[part]))


def test_an_untrained_model_is_surveyed(digits: Data, trained: tuple[str, VAE]) -> None:
    _, model = trained
    settings, test = Geometry(points=5, pairs=10), digits.test
    found = survey_of(model, scaled(test.images), test.labels, digits.train, settings).parts["untrained pairs"].values
    fresh = survey_of(model.recipe.build(), scaled(test.images), test.labels, digits.train, settings, fresh=True)
    torch.testing.assert_close(found, fresh.parts["line pairs"].values, rtol=1e-2, atol=0)


def test_relu_has_no_curvature(digits: Data) -> None:
    model = vaebench.build("vae", SHAPE, latent=2, network_settings={"hidden": [8], "activation": "relu"})
    labels = digits.test.labels[:30]
    survey = survey_of(model, torch.rand(30, *SHAPE), labels, digits.train, Geometry(points=5, pairs=2))
    survey.codes = normals(30, 2)
    row = catalogue.load("metrics", "scalar_curvature").rows(survey.parts["test"])
    assert next(iter(row)) == Row(
        "scalar_curvature", None, reason="its decoder is piecewise linear (ReLU) and has no curvature"
    )
