"""The engine on a CUDA device: the same promises as on the CPU."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from vaebench import interface
from vaebench.data import binarisation
from vaebench.errors import Missing, VaebenchError
from vaebench.evaluation import judge
from vaebench.evaluation.measure import measure
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.survey import present
from vaebench.evaluation.survey.pictures import pictures
from vaebench.evaluation.survey.survey import Survey
from vaebench.model.flavour import flavour
from vaebench.model.parts.design import Design
from vaebench.samplers import fitted
from vaebench.samplers.encoded import Encoded
from vaebench.study import catalogue, config
from vaebench.study.config import Choice, Evaluation, Geometry, Precision, Training
from vaebench.study.views import metrics as of_views
from vaebench.training import hardware, runs
from vaebench.training.engine import Feed, Pack

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")]
FILES = ("best.safetensors", "last.safetensors", "history.csv", "run.json")


def train(folder: Path, seeds: list[int], network: str, device: str, pack: int) -> list[Path]:
    hardware.prepare()
    settings = {"mlp": {"hidden": [64]}, "conv": {"channels": [8, 16], "hidden": 32}}[network]
    cell = config.cell("vae", latent=2, network=network, network_settings=settings, epochs=3, batch_size=64)
    data = interface.dataset("digits", folder.parent / "data")
    return runs.train(cell, seeds, data, folder, device=hardware.device(device), pack=pack)


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_a_run_does_not_depend_on_its_neighbours(tmp_path: Path, network: str) -> None:
    together = train(tmp_path / "together", [0, 1, 2], network, "cuda", 3)
    for seed in range(3):
        (alone,) = train(tmp_path / f"alone{seed}", [seed], network, "cuda", 3)
        for name in FILES:
            assert (alone / name).read_bytes() == (together[seed] / name).read_bytes()


def test_a_gpu_agrees_with_the_cpu(tmp_path: Path) -> None:
    """The noise is the same integers on both, so that the runs differ by rounding alone."""
    scores = []
    for device in ("cuda", "cpu"):
        (run,) = train(tmp_path / device, [0], "mlp", device, 1)
        scores.append((run / "history.csv").read_text().splitlines()[-1].rpartition(",")[2])
    assert float(scores[0]) == pytest.approx(float(scores[1]), rel=1e-3)


@pytest.mark.parametrize("flavour", ["vae", "svae", "rhvae"])
def test_a_survey_is_that_of_the_cpu(tmp_path: Path, flavour: str) -> None:
    data = interface.dataset("digits", tmp_path)
    model = interface.train(flavour, data, latent=2, epochs=3, batch_size=64, device="cpu")
    settings = Geometry(points=20, pairs=6, metrics=["euclidean", "density", "expected"])

    def survey(device: str) -> dict[tuple[str, str], float]:
        images = binarisation.scaled(data.test.images.to(device))
        with torch.no_grad():
            subject = Subject(model.to(device), images, images, 0, importance_samples=1, importance_images=1)
            encoded = Encoded(model, binarisation.scaled(data.train.images.to(device)), 0)
            found = Survey(subject, data.test, data.train, encoded, settings)
            pictures(found)
            metrics = [catalogue.load("metrics", name) for name in of_views(["survey"], "default")["survey"]]
            return {
                (row.name, part): math.nan if row.value is None else row.value
                for metric in metrics
                for part in present(metric.over, settings.metrics)
                for row in metric.rows(found.parts[part])
            }

    assert survey("cuda") == pytest.approx(survey("cpu"), rel=0.05, abs=0.05, nan_ok=True)


@pytest.mark.parametrize("flavour", ["vae", "ae", "vq_vae", "gumbel_vae", "svae", "poincare_vae", "rhvae"])
def test_samplers_are_those_of_the_cpu(tmp_path: Path, flavour: str) -> None:
    data = interface.dataset("digits", tmp_path)
    model = interface.train(flavour, data, latent=2, epochs=3, batch_size=64, device="cpu")
    images = binarisation.scaled(data.train.images[:300])
    drawn = 0
    for name in catalogue.names("samplers"):
        means: list[torch.Tensor | str] = []
        for device in ("cpu", "cuda"):
            model.to(device)
            with torch.no_grad():
                try:
                    sampler = fitted.fit(Choice(name, {}), model, Encoded(model, images.to(device), 0), 0)
                    means.append(fitted.draw(sampler, model, 500, 0).mean(0).cpu())
                except Missing as reason:
                    means.append(str(reason))
        ours, theirs = means
        if isinstance(ours, str) or isinstance(theirs, str):
            assert ours == theirs, name
        else:
            drawn += 1
            torch.testing.assert_close(theirs, ours, rtol=0, atol=0.03, msg=f"{name}: {(theirs - ours).abs().max()}")
    assert drawn >= 2


@pytest.mark.parametrize("flavour", ["vae", "ae", "vq_vae", "rhvae"])
def test_measurements_are_those_of_the_cpu(tmp_path: Path, flavour: str) -> None:
    """Every metric but the survey's."""
    hardware.prepare()
    cell = config.cell(flavour, latent=2, network_settings={"hidden": [64]}, epochs=3, batch_size=64)
    data = interface.dataset("digits", tmp_path)
    folders = runs.train(cell, [0, 1], data, tmp_path / "runs", device=hardware.device("cpu"))
    evaluation = Evaluation(
        tier="thorough",
        importance_samples=20,
        importance_images=50,
        evidence_images=5,
        evidence_temperatures=50,
        augmentation_images=2,
        generated_images=300,
    )
    judges = [judge.train(data, epochs=1, seed=seed) for seed in (0, 1)]
    found = {}
    for device in ("cpu", "cuda"):
        where = hardware.device(device)
        measured = measure(
            cell,
            folders,
            data,
            evaluation,
            None,
            where,
            samplers={"gaussian_mixture": Choice("gaussian_mixture", {"components": 3})},
            judges=[each.to(where) for each in judges],
            foreign={"digits": data},
        )
        found[device] = {
            (row["seed"], row["part"], row["metric"]): (row["value"], row["reason"]) for row in measured.metrics
        }
    assert found["cpu"].keys() == found["cuda"].keys() and len(found["cpu"]) > 100
    apart = {}
    for what, (value, reason) in found["cpu"].items():
        other, why = found["cuda"][what]
        if reason != why or (value is not None and other != pytest.approx(value, rel=0.02, abs=0.02)):
            apart[what] = value, reason, other, why
    assert apart == {}


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("name", catalogue.names("flavours"))
def test_recorded_steps_have_the_bytes_of_eager_ones(tmp_path: Path, name: str, network: str) -> None:
    hardware.prepare()
    kind = catalogue.load("flavours", name)
    images = interface.dataset("digits", tmp_path).train.images.to("cuda")
    image = tuple(images.shape[1:])
    design = Design(image, 4, catalogue.load("networks", network)(image), catalogue.load("likelihoods", "bernoulli"))
    feed = Feed(images[:150], images[150:200], True, (images[:150], images[150:200]))
    packs = [
        Pack(kind, design, kind.defaults, Training(epochs=5, batch_size=64), [0, 1], feed, record)
        for record in (True, False)
    ]
    for pack in packs:
        list(pack.train())
    recorded, eager = packs
    assert sorted(recorded.programs[0].graphs) == ([22, 64] if recorded.stack.trained else [])
    assert recorded.runs == eager.runs
    for key, value in recorded.state.items():
        assert torch.equal(value, eager.state[key]), key


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_other_precisions_end_where_float32_does_and_are_recorded_as_they_are(
    tmp_path: Path, network: str, precision: Precision
) -> None:
    hardware.prepare()
    images = interface.dataset("digits", tmp_path).train.images.to("cuda")
    image = tuple(images.shape[1:])
    design = Design(image, 4, catalogue.load("networks", network)(image), catalogue.load("likelihoods", "bernoulli"))
    feed = Feed(images[:1000], images[1000:1200], False)

    def trained(precision: Precision, record: bool) -> Pack:
        training = Training(epochs=5, batch_size=50, learning_rate=0.003, precision=precision)
        pack = Pack(catalogue.load("flavours", "vae"), design, {}, training, [0, 1], feed, record)
        list(pack.train())
        return pack

    exact, recorded, eager = trained("float32", True), trained(precision, True), trained(precision, False)
    for slot in range(2):
        assert recorded.runs[slot].best == pytest.approx(exact.runs[slot].best, rel=0.002)
    for name in recorded.stack.trained:
        assert torch.equal(recorded.state[name], eager.state[name])
        assert not torch.equal(recorded.state[name], exact.state[name])


def test_a_loss_that_waits_for_the_device_is_one_line(tmp_path: Path) -> None:
    @flavour()
    def waiting(vae, x):
        draw = vae(x)
        return {"distortion": -draw.log_px, "rate": draw.kl * (2.0 if draw.kl.mean().item() > 0 else 1.0)}

    images = interface.dataset("digits", tmp_path).train.images.to("cuda")
    image = tuple(images.shape[1:])
    design = Design(image, 2, catalogue.load("networks", "mlp")(image), catalogue.load("likelihoods", "bernoulli"))
    pack = Pack(waiting, design, {}, Training(epochs=5, batch_size=64), [0], Feed(images[:150], images[150:200], True))
    with pytest.raises(VaebenchError, match="a step cannot be recorded on the GPU"):
        list(pack.train())


def test_a_judge_is_trained_on_a_gpu(tmp_path: Path) -> None:
    data = interface.dataset("digits", tmp_path)
    found = judge.train(data, epochs=1, seed=0, device=hardware.device("cuda"))
    assert found.accuracy is not None and found.accuracy > 0.95
    again = judge.train(data, epochs=1, seed=0, device=hardware.device("cuda"))
    assert found.sha256 == again.sha256
