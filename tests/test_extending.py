"""Every example of docs/extend.md, saved where it says with no other edit, is listed and works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/extend.md").read_text()
EXAMPLES = dict(re.findall(r"`(vaebench/[\w/]+\.py)`[^`]*?```python\n(.*?)```", TEXT, re.DOTALL))

LIBRARY = """
import scipy.stats, torch, vaebench
from vaebench.evaluation.subject import Subject
from vaebench.evaluation.survey.survey import Survey
from vaebench.samplers.encoded import Encoded
from vaebench.study import catalogue
from vaebench.study.config import Geometry

data = vaebench.dataset("digits")
x = data.test.images[:5] / 255
torch.manual_seed(0)

poisson = {"likelihood": "poisson", "likelihood_settings": {"peak": 16}, "convention": "none"}
model = vaebench.train("vae", data, latent=2, epochs=1, **poisson)
px, counts = model(x).px, (16 * x).round()
theirs = torch.tensor(scipy.stats.poisson.logpmf(counts, 16 * px.mean.detach().numpy())).sum((1, 2, 3))
torch.testing.assert_close(px.log_prob(counts / 16).double(), theirs, rtol=1e-4, atol=1e-3)
assert vaebench.evaluate(model, data, convention="none", importance_samples=10)["nll"] > 0

laplace = {"likelihood": "laplace", "convention": "none", "network": "linear", "network_settings": {"bias": False}}
settings = {"latent": 2, "epochs": 2, "learning_rate": 0.01, "hyperparameters": {"samples": 3}}
model = vaebench.train("median_vae", data, **settings, **laplace)
likelihood = model.decoder.likelihood
assert likelihood.log_scale.requires_grad and abs(likelihood.log_scale.exp() - 0.2) > 1e-3
px = model(x).px
scale = likelihood.log_scale.exp().item()
theirs = scipy.stats.laplace.logpdf(x.numpy(), px.mean.detach().numpy(), scale).sum((1, 2, 3))
torch.testing.assert_close(px.log_prob(x).double(), torch.tensor(theirs), rtol=1e-4, atol=1e-3)
z = torch.randn(4, 2)  # a linear decoder without bias
torch.testing.assert_close(model.decode(3 * z), 3 * model.decode(z))
log_w = torch.tensor([[1.0, 5.0], [2.0, 7.0], [9.0, 6.0]])
fake = type("Fake", (), {"__call__": lambda self, x, samples: type("Draw", (), {"log_w": log_w})})()
terms, _ = catalogue.load("flavours", "median_vae").terms("model", fake, x, {"samples": 3})
assert terms["bound"].tolist() == [-2.0, -6.0]

model = vaebench.train("hinge_vae", data, latent=2, epochs=1, hyperparameters={"free": 50.0})
terms, _ = catalogue.load("flavours", "hinge_vae").terms("model", model, x, {"free": 50.0})
assert (terms["rate"] == 50).all()
values = vaebench.evaluate(model, data, importance_samples=10)
subject = Subject(model, x, x, 0, importance_samples=1, importance_images=1)
measured = catalogue.load("metrics", "mean_absolute_error").measure(subject)
assert measured.shape == (5,)
assert abs(measured.mean() - float((model.decode(model.encode(x)).clamp(0, 1) - x).detach().abs().mean())) < 1e-6

images = vaebench.sample(model, 500, sampler="box", settings={"width": 0.01}, data=data)
low, high = (0.01 * end(model.encode(data.train.images / 255), 0) for end in (torch.amin, torch.amax))
middle = model.decode((low + high)[None] / 2)
assert images.shape == (500, 1, 8, 8) and (images - middle).abs().max() < 0.05
assert 0 < values["mean_absolute_error"] < 1 and values["mean_absolute_error"] > values["mse"]

train, test = data.train.images / 255, data.test.images / 255
model = vaebench.train("ae", data, latent=2, epochs=2)
subject = Subject(model, test, test, 0, importance_samples=1, importance_images=1)
settings = Geometry(metrics=["euclidean", "rim"], points=5, pairs=6)
survey = Survey(subject, data.test, data.train, Encoded(model, train, 0), settings)
line, rim = (survey.paths[name].geodesics.line_length for name in settings.metrics)
assert (rim > line).all() and survey.parts["rim"].lengths.isfinite().all()
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with every example saved."""
    folder = tmp_path_factory.mktemp("extended")
    for name in ("vaebench", "tests", "workflow"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "Snakefile"):
        shutil.copy(ROOT / name, folder)
    for place, code in EXAMPLES.items():
        assert not (folder / place).exists() and len(code.splitlines()) < 60
        (folder / place).write_text(code)
    return folder


def python(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    result = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_there_is_an_example_of_each_kind() -> None:
    kinds = {"flavours", "model/likelihoods", "model/networks", "evaluation/metrics", "samplers", "report/figures"}
    kinds |= {"evaluation/survey/latent_metrics", "report/statistics"}
    assert {kind for kind in kinds for place in EXAMPLES if place.startswith(f"vaebench/{kind}/")} == kinds
    assert len(EXAMPLES) == 10


def test_the_examples_do_what_they_say(extended: Path) -> None:
    python(extended, "-c", LIBRARY)


def test_the_tests_of_all_flavours_take_up_a_new_one(extended: Path) -> None:
    options = ["-q", "-n", "0", "-p", "no:cacheprovider", "-k", "hinge_vae"]
    said = python(extended, "-m", "pytest", *options, "tests/flavours/test_flavours.py")
    assert re.search(r"\d\d passed", said)


def test_the_workflow_shows_them(extended: Path) -> None:
    """In a run: the new flavour in its family, the new metric in its table, the new figure."""
    (extended / "study.yaml").write_text(
        """
datasets: {digits: {limits: {train: 100, validation: 50, test: 50}}}
architectures: {linear: {}}
flavours: {hinge_vae: {free: 3}, vae: {}}
latents: [2]
seeds: [0]
training: {epochs: 1}
evaluation: {importance_samples: 5, importance_images: 10}
"""
    )
    targets = ["results/tables/reconstruction.md", "results/figures/elbo_ranking.png", "results/tables/wins.md"]
    python(extended, "-m", "snakemake", *targets, "--cores", "2", "--configfile=study.yaml")
    table = (extended / "results/tables/reconstruction.md").read_text()
    assert "mean absolute error" in table and "Hinge-VAE" in table
    assert (extended / "results/figures/elbo_ranking.png").stat().st_size > 5000
    assert "| nll | " in (extended / "results/tables/wins.md").read_text()
