"""The engine on a CUDA device: the same promises as on the CPU."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from vaebench import interface
from vaebench.data import binarisation
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.survey.pictures import pictures
from vaebench.evaluation.survey.survey import Survey
from vaebench.study import catalogue, config
from vaebench.study.config import Geometry
from vaebench.study.views import metrics as of_views
from vaebench.training import hardware, runs

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
    settings = Geometry(points=20, pairs=6)

    def survey(device: str) -> dict[tuple[str, str], float]:
        images = binarisation.scaled(data.test.images.to(device))
        with torch.no_grad():
            subject = Subject(model.to(device), images, images, 0, importance_samples=1, importance_images=1)
            found = Survey(subject, data.test.labels, data.train, settings)
            pictures(found)
            metrics = [catalogue.load("metrics", name) for name in of_views(["survey"], "default")["survey"]]
            return {
                (row.name, part): math.nan if row.value is None else row.value
                for metric in metrics
                for part in metric.over
                for row in metric.rows(found.parts[part])
            }

    assert survey("cuda") == pytest.approx(survey("cpu"), rel=0.05, abs=0.05, nan_ok=True)
