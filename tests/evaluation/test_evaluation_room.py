"""An evaluation that memory does not hold is told in one line, before anything of it is computed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults import fault

from vaebench import interface
from vaebench.cli import main
from vaebench.evaluation import room
from vaebench.geometry import budget
from vaebench.study.config import Evaluation


def test_importance_weights_that_cannot_be() -> None:
    """12 bytes each: of 2**31 samples of 1000 images 26 TB."""
    message = fault(room.check, Evaluation(importance_samples=2**31), 10_000)
    assert message.startswith(
        "evaluation: importance_samples: 2147483648 of each of 1000 images: it takes 25,769.8 GB of"
    )
    assert message.endswith("are free: lower importance_samples or importance_images")
    room.check(Evaluation(), 10_000)
    room.check(Evaluation(importance_samples=2**20, importance_images=2**40), 1)


def test_importance_weights_take_what_they_are_said_to() -> None:
    """In a process of its own, as what lies between its tensors counts: where weights of some images are kept one by
    one, what decodes the next finds no room between them; and metrics take no more than some in float64."""
    code = """
import resource
from types import SimpleNamespace
import torch
from vaebench import interface
from vaebench.evaluation.metrics.likelihood.effective_sample_size import effective_sample_size
from vaebench.evaluation.metrics.likelihood.high_pareto_k import high_pareto_k
from vaebench.evaluation.metrics.likelihood.nll import nll
from vaebench.evaluation.subject import Subject
from vaebench.training import hardware

def data():
    return next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))

def log_w(images):
    return Subject(model, x, x, 0, importance_samples=5000, importance_images=images).log_w

hardware.prepare()
x = torch.rand(1000, 1, 8, 8)
model = interface.build("vae", (1, 8, 8), latent=2, network_settings={"hidden": [64]})
log_w(2)
before = data()
log_w(1000)
print(data() - before)

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
subject = SimpleNamespace(log_w=torch.randn(5000, 4000), elbo=torch.zeros(4000).double(), chosen=torch.arange(4000))
for metric in (nll, effective_sample_size, high_pareto_k):
    metric.measure(subject)
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    drawn, measured = map(int, done.stdout.split())
    assert drawn < 5000 * 1000 * room.WEIGHT
    assert measured < 5000 * 4000 * room.WEIGHT + 3 * 8 * budget.NUMBERS


def test_temperatures_that_cannot_be_are_of_the_thorough_tier() -> None:
    room.check(Evaluation(evidence_temperatures=2**40), 100)
    message = fault(room.check, Evaluation(evidence_temperatures=2**40, tier="thorough"), 100)
    assert message.startswith("evaluation: evidence_temperatures: 1099511627776 for 100 images: it takes ")


def test_the_library_and_the_check_refuse_them_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = interface.dataset("digits", limits={"train": 50, "validation": 20, "test": 20})
    model = interface.build("vae", data.shape, latent=2)
    begun = time.monotonic()
    assert "2147483647 of each of 20 images" in fault(interface.evaluate, model, data, importance_samples=2**31 - 1)
    assert time.monotonic() - begun < 5
    (tmp_path / "c.yaml").write_text(
        "datasets: {digits: {limits: {train: 50, validation: 20, test: 20}}}\nflavours: {vae: {}}\nlatents: [2]\n"
        f"evaluation: {{importance_samples: {2**31 - 1}}}\npathvars: {{results: {tmp_path}}}\n"
    )
    with pytest.raises(SystemExit):
        main(["check", str(tmp_path / "c.yaml")])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"vaebench: {tmp_path}/c.yaml: digits: evaluation: importance_samples: 2147483647 of each of 20"
    )
